"""Entries of a cache on disk: folders that one process makes while all others that want them wait.

An entry is filled beside its final name and renamed, under a lock: there is none or all of it, and what a process left
that was killed, the next one removes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from filelock import FileLock

from hmlc_ray.files.atomic import replace_folder

Entry = TypeVar("Entry")


def open_entry(folder: Path, read: Callable[[Path], Entry | None], fill: Callable[[Path], None], *, size: int) -> Entry:
    """What `read` gives of an entry; if it gives None, `fill` makes it first, in a new folder.

    Args:
        folder: name of the entry; its parent is made if need be.
        read: gives None where there is no entry, or one that is damaged or of another version.
        size: bytes that it will take at least.

    Raises:
        OSError: if it cannot be written, for want of room for example. Nothing half-written is left then.
    """
    entry = read(folder)
    if entry is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            entry = read(folder)  # another process may have made it while this one waited
            if entry is None:
                _make(folder, fill, size)
                entry = read(folder)
    assert entry is not None, "an entry is whole when it has its name"
    return entry


@contextmanager
def written(file: Path) -> Iterator[BinaryIO]:
    """A new file, whose content is on the disk when the block ends.

    Raises:
        OSError: if it cannot be written.
    """
    with file.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def look_of(file: str | Path) -> str:
    """Size and time of change of a file, by which keys notice that it has changed."""
    try:
        status = os.stat(file)
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _make(folder: Path, fill: Callable[[Path], None], size: int) -> None:
    partial = folder.with_name(f"{folder.name}.partial")  # the lock is held: whatever has this name is abandoned
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        if shutil.disk_usage(partial).free < size:
            raise OSError(None, f"there is too little room: {size / 1e6:,.1f} MB are needed")
        fill(partial)
        replace_folder(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
