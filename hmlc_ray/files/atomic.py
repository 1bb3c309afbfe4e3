"""Files that appear whole or not at all, whoever reads, writes or dies meanwhile."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX, _SUFFIX = ".hmlc-", ".part"
_ABANDONED_S = 3600.0
"""A part that nobody has written to for so long is of a writer that was killed."""


@contextmanager
def staged(file: Path) -> Iterator[Path]:
    """A new path beside `file`, to be written within the block, which takes its place when the block ends well.

    The name is random: containers that share a folder have the same process ids, and threads share one.

    Raises:
        OSError: if it cannot take its place; what was there stays, and nothing is left beside it.
    """
    _drop_abandoned(file.parent)
    part = file.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
    try:
        yield part
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(file: Path, text: str) -> None:
    """Write or overwrite a text file; whoever writes it together does not mix. A device, as /dev/stdout, is written to.

    Raises:
        OSError: if it cannot be written; what was there stays, and nothing is left beside it.
    """
    if file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8")
        return
    with staged(file) as part:
        part.write_text(text, encoding="utf-8")


def _drop_abandoned(folder: Path) -> None:
    """Best effort: another process may drop the same, and the folder may not be listed."""
    with suppress(OSError):
        for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()
