"""A process's identity, and whether it lives, whatever the clock is set to meanwhile."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

import psutil

_PROC = Path("/proc")
_AFTER_NAME = 22 - 3
"""Where the start is among the fields of `/proc/PID/stat` that follow the name, which may hold anything."""
_ZOMBIES = ("Z", "X", "x")
_SAME_S = 2.0


def start_of(pid: int) -> int | None:
    """When a process was started, in clock ticks since the boot; None where it has ended or the system has no /proc.

    A process's time of creation by the clock, which psutil gives, is made from this and the time of the boot, and so
    changes whenever the clock is set.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in _ZOMBIES else int(fields[_AFTER_NAME])
    except (OSError, ValueError, IndexError):
        return None


def created(pid: int) -> float | None:
    """When a process was started by the clock, in Unix seconds; None where it has ended."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def lives(pid: int, start: int | None, when: float) -> bool | None:
    """Whether the process that had this number still lives, on the same boot of the same machine.

    Args:
        start: its `start_of`; None: it is not known.
        when: its `created`.

    Returns:
        None where that is unknown: without `start` another time of creation means another process, or a clock that
        was set since.
    """
    if start is not None and has_starts():
        return start_of(pid) == start
    now = created(pid)
    if now is None or abs(now - when) < _SAME_S:
        return now is not None
    # macOS keeps the time itself.
    return None if has_starts() and _is_ours(pid) else False


def has_starts() -> bool:
    """Whether the system reports when a process was started since the boot."""
    return (_PROC / "self" / "stat").exists()


@cache
def machine() -> str:
    """Name, boot and process namespace: two containers of one name are two machines."""
    parts = [socket.gethostname()]
    try:
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8])
        parts.append(str((_PROC / "self/ns/pid").stat().st_ino))
    except OSError:
        pass
    return "/".join(parts)


def _is_ours(pid: int) -> bool:
    """Whether a process looks like a driver: its command line names this package."""
    try:
        return any("hmlc" in word for word in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False
