"""The embedded store's file: made so that whoever looks at it never holds up the sweep that writes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import psutil

_LOCAL = frozenset(
    ("apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "overlay", "tmpfs", "xfs", "zfs")
)
"""File systems of one machine; the others may be seen from several, which share no memory."""


def make_store_file(file: Path) -> None:
    """Make the file of a new store, with a write-ahead log where it lies on this machine's own disk.

    With sqlite's default, a rollback journal, twenty readers that ask every second keep the writer out for good. The
    log needs memory that all users of the file share, so on a network's file system the default stays, as it does for
    a file that is there already: that is its owner's choice.

    Raises:
        OSError: if its folder cannot be made.
    """
    file = file.absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() or not is_local(file.parent):
        return
    # Whoever makes the same file at the same time has the same in mind; MLflow tells what else is wrong with it.
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def is_local(folder: Path) -> bool:
    """Whether a folder lies on a file system that only this machine uses, as far as that is known."""
    folder = folder.resolve()
    kinds = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    return next((kinds[place] in _LOCAL for place in (folder, *folder.parents) if place in kinds), False)
