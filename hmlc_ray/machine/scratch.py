"""Temporary folders: in a private folder of this user, short enough for sockets, and gone when their process is.

The temporary directory belongs to all users of a machine. Whatever lies there under a name that can be guessed may have
been put there by another of them, so the owner of every folder is checked.
"""

from __future__ import annotations

import fcntl
import multiprocessing.util
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from hmlc_ray.errors import ConfigError, system_reason

TMPDIR = "TMPDIR"
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Bytes of a Unix socket's path."""
_TRIES = 100
_SHORT = ("/tmp", "/var/tmp")  # noqa: S108 - only below a private folder


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A fresh folder `hmlc-PURPOSE-...` that ends with the block.

    Where its process is killed, it ends with the next block of any process of this user, or with `clear_dead`.

    Raises:
        ConfigError: if there is no temporary directory that can be used.
    """
    _clear_once()
    parent = _scratch()
    with _locked(parent, fcntl.LOCK_SH):
        folder = Path(tempfile.mkdtemp(prefix=f"hmlc-{purpose}-", dir=parent))
        held = os.open(folder, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks: the folder is then never taken for a dead one's
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def clear_dead() -> None:
    """Delete the scratch folders of processes that ended without doing so; those of living processes stay.

    The system releases a process's locks when it ends, however it ends, which works across containers too.
    """
    with suppress(OSError, ConfigError):
        parent = _scratch()
        with _locked(parent, fcntl.LOCK_EX) as alone:
            for folder in parent.iterdir() if alone else ():
                _delete_if_dead(folder)


@contextmanager
def nothing_left() -> Iterator[None]:
    """`clear_dead` before the block and after it."""
    clear_dead()
    try:
        yield
    finally:
        clear_dead()


def private_folder(base: Path | str | None = None) -> Path:
    """`hmlc-UID` in the temporary directory, or in another folder: this user's own, closed to all others.

    Where another user has taken the name, the next one is used: `hmlc-UID-1`, ...

    Raises:
        ConfigError: if no such folder can be made there.
    """
    base = Path(base or temporary_directory())
    for number in range(_TRIES):
        folder = base / _name(number)
        try:
            folder.mkdir(mode=0o700)
            return folder
        except FileExistsError:
            if _is_private(folder):
                return folder
        except OSError as error:
            raise ConfigError(
                f"no folder can be made in the temporary directory {base} ({system_reason(error)}): set {TMPDIR} to a "
                "folder that you can write to"
            ) from error
    raise ConfigError(
        f"the names {_name(0)}... in the temporary directory {base} belong to other users: set {TMPDIR} to a "
        "folder of your own"
    )


def temporary_directory() -> Path:
    """Where temporary files go.

    Raises:
        ConfigError: if no directory for them can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        named = os.environ.get(TMPDIR)
        raise ConfigError(
            f"no temporary directory can be written{f' ({TMPDIR} is {named})' if named else ''}: set {TMPDIR} to a "
            "folder that you can write to"
        ) from error


def short_private_folder(room: int) -> Path:
    """The private folder in the temporary directory or, where that has a long path, in the system's own.

    Args:
        room: bytes that paths of sockets need below the folder.

    Raises:
        ConfigError: naming `TMPDIR`, if there is none.
    """
    usual = temporary_directory()
    if fits_sockets(usual / _name(_TRIES), room):
        return private_folder(usual)
    for base in _SHORT:
        with suppress(ConfigError):
            return private_folder(base)
    raise ConfigError(
        f"{TMPDIR} is {usual}, whose path is too long for sockets, and none of {', '.join(_SHORT)} can "
        f"be written: set {TMPDIR} to a folder with a shorter path"
    )


def fits_sockets(folder: Path, room: int) -> bool:
    """Whether paths of sockets that need `room` bytes below the folder are short enough."""
    return len(os.fsencode(folder)) + room <= LONGEST_SOCKET


def prepare_sockets() -> None:
    """Let multiprocessing keep the sockets of this process and of its children where their paths are short enough.

    To be called before the first process is started; later it changes nothing.
    """
    room = len("/pymp-12345678/listener-12345678")
    if fits_sockets(temporary_directory(), room):
        return
    before, tempfile.tempdir = tempfile.tempdir, str(short_private_folder(room))
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = before


def _name(number: int) -> str:
    return f"hmlc-{os.geteuid()}" + (f"-{number}" if number else "")


@cache
def _clear_once() -> None:
    clear_dead()


def _scratch() -> Path:
    folder = private_folder() / "scratch"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _is_private(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[bool]:
    """Holds a lock on a folder, which others hold for moments only; gives whether it could be had."""
    held = os.open(folder, os.O_RDONLY)
    try:
        yield any(_lock(held, kind) for _ in range(_TRIES))
    finally:
        os.close(held)


def _lock(held: int, kind: int) -> bool:
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.01)
        return False
    except OSError:  # a file system without locks
        return False
    return True


def _delete_if_dead(folder: Path) -> None:
    with suppress(OSError):
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an error: its process lives, or that is unknown
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)
