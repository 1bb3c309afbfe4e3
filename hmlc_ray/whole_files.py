"""Text files that appear whole or not at all, whoever reads or dies meanwhile."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write or overwrite a file; processes that write it together do not mix.

    Raises:
        OSError: if it cannot be written; what was there stays, and nothing is left beside it.
    """
    staging = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        staging.write_text(text, encoding="utf-8")
        staging.replace(file)
    except OSError:
        staging.unlink(missing_ok=True)
        raise
