"""The public functions of `hmlc_ray`, by which the commands of `hmlc` do their work too.

They return a result or raise an `HmlcError`, print nothing unless progress is asked for, and never end the process.
"""
