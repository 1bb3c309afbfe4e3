"""A study, a run or a benchmark as one HTML file that needs no network.

`content/` collects plain data from the store, `charts/` and `sections/` make blocks of them, `page/` writes blocks as
HTML. Nothing is trained; start reading at `write.py`.
"""
