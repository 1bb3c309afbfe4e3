"""Suites: arms x data sets x seeds as one resumable study of studies, and what follows from them.

Start reading at `run.py`.
"""
