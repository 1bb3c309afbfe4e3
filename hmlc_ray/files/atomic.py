"""Files that appear whole or not at all, whoever reads, writes or dies meanwhile."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX, _SUFFIX = ".hmlc-", ".part"
_ABANDONED_S = 3600.0
"""A part that nobody has written to for so long is of a writer that was killed."""


@contextmanager
def staged(file: Path) -> Iterator[Path]:
    """A new path beside `file`, to be written within the block; it replaces the file when the block succeeds.

    The name is random: containers that share a folder have the same process ids, and threads share one.

    Raises:
        OSError: if it cannot replace it; what was there stays, and nothing is left beside it.
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
    """Write or overwrite a text file; whoever writes it together does not mix. A device, as /dev/stdout, is written to,
    and so is the file that a link leads to.

    Raises:
        OSError: if it cannot be written; what was there stays, and nothing is left beside it.
    """
    if file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8")
        return
    with staged(file.resolve()) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, to be filled within the block; it replaces the folder when the block succeeds.

    Raises:
        OSError: if it cannot replace it; what was there stays, and nothing is left beside it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield staging
        replace_folder(staging, folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def replace_folder(staging: Path, folder: Path) -> None:
    """Rename to the final path; a folder can't be renamed over a filled one, so the old one is moved aside first.

    Raises:
        OSError: if that fails; the old folder is then restored.
    """
    if not folder.exists():
        staging.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))  # renamed over, being empty
    try:
        folder.rename(aside)
        try:
            staging.rename(folder)
        except OSError:
            aside.rename(folder)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _drop_abandoned(folder: Path) -> None:
    """Best effort: another process may drop the same, and the folder may not be listed."""
    with suppress(OSError):
        for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()
