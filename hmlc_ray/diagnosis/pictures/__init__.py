"""The pictures of a diagnosis, one module each; all are drawn by `files.py` of the package above."""
