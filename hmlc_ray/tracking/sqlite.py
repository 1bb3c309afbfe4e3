"""Files of sqlite databases: made whole, once, and so that whoever looks at one never holds up its writer."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from glob import escape
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from hmlc_ray.errors import StoreAway

MAKE_SECONDS = 120.0
"""How long one process waits for another that makes the same database."""
_PARTIAL = ".partial"
_LOCAL = frozenset(
    ("apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "overlay", "tmpfs", "xfs", "zfs")
)
"""File systems of one machine; the others may be seen from several, which share no memory."""


def make_whole(file: Path, make: Callable[[Path], None], *, log: bool) -> None:
    """Make a database that is not there yet, or has no table yet: it appears with all of its tables, or not at all.

    `make` fills a new file beside it, which then gets the name. Of processes that do this at the same time one makes
    the file and the others wait; what a process leaves that is killed meanwhile, the next removes.

    With `log` the file gets a write-ahead log where it lies on this machine's own disk: with sqlite's default, a
    rollback journal, twenty readers that ask every second keep the writer out for good. The log needs memory that all
    users of the file share, so on a network's file system the default stays, as it does for a database that is there.

    Raises:
        OSError: if the folder cannot be made or written.
        StoreAway: if another process takes too long.
    """
    file = file.absolute()
    if not is_blank(file):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file) as alone:
        if alone:
            for leftover in file.parent.glob(f"{escape(file.name)}.*{_PARTIAL}*"):
                leftover.unlink(missing_ok=True)
        if not is_blank(file):
            return
        staging = file.with_name(f"{file.name}.{secrets.token_hex(6)}{_PARTIAL}")
        try:
            make(staging)
            _finish(staging, log=log and is_local(staging.parent))
            _publish(staging, file, alone=alone)
        finally:
            for leftover in file.parent.glob(f"{escape(staging.name)}*"):
                leftover.unlink(missing_ok=True)


def is_blank(file: Path) -> bool:
    """Whether a database is not there, or has no table: an empty file, or what was killed before it made one."""
    if not file.exists():
        return True
    try:
        return not table_names(file)
    except sqlite3.Error:  # not a database, or locked: opening it reports what is wrong
        return False


def table_names(file: Path) -> set[str]:
    """The tables of a database that is there.

    Raises:
        sqlite3.Error: if it is not a database, or cannot be read.
    """
    with closing(sqlite3.connect(file, timeout=20)) as connection:
        return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def is_local(folder: Path) -> bool:
    """Whether a folder lies on a file system that only this machine uses, as far as that is known."""
    folder = folder.resolve()
    kinds = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    return next((kinds[path] in _LOCAL for path in (folder, *folder.parents) if path in kinds), False)


@contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Keep other makers of the file out, who may be killed: the system releases the lock of a process that ends.

    Gives whether that worked: a network file system may have no locks. Then each makes its own, and one is used.
    """
    lock = FileLock(file.with_name(f".{file.name}.lock"), timeout=MAKE_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreAway(
            f"another process has been making {file} for {MAKE_SECONDS:.0f} s: end it, or try again"
        ) from error
    except PermissionError:
        raise
    except (OSError, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _finish(staging: Path, *, log: bool) -> None:
    """Nothing of a finished database is left in a log, or in memory."""
    with closing(sqlite3.connect(staging)) as connection:
        connection.execute(f"PRAGMA journal_mode={'WAL' if log else 'DELETE'}")
    descriptor = os.open(staging, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(staging: Path, file: Path, *, alone: bool) -> None:
    """Give a finished database its name, unless another has that by now."""
    if file.exists():
        # Whoever has the blank file open sees the tables, all at once: it is one transaction.
        with closing(sqlite3.connect(staging)) as source, closing(sqlite3.connect(file, timeout=20)) as target:
            source.backup(target)
        return
    if alone:
        staging.rename(file)
        return
    try:
        os.link(staging, file)  # unlike a rename it never replaces what another process made
    except FileExistsError:
        return
    except OSError:  # no links on this file system
        staging.rename(file)


def wait_for_tables(file: Path, wanted: Callable[[Path], bool], seconds: float) -> bool:
    """Whether a database is complete by `wanted`; another program that is still making it is waited for."""
    end, version = time.monotonic() + seconds, -1
    while not wanted(file):
        with closing(sqlite3.connect(file, timeout=20)) as connection:
            now = int(connection.execute("PRAGMA schema_version").fetchone()[0])
        if now == version or time.monotonic() > end:
            return False
        version = now
        time.sleep(1.0)
    return True
