"""Which process writes a run, and whether it still lives."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

DRIVER = "hmlc.driver"
"""Tag: host, process and, for a job of a cluster, the job's id, as JSON."""
SEEN = "hmlc.driver_seen"
"""Tag: when a study's driver last said that it lives, in Unix seconds."""
STALLED = "hmlc.stalled"
"""Tag of a study's run: what the study waits for while it stands still, in a sentence; else empty."""
JOB_VARIABLE = "HMLC_JOB"
"""In the environment of a job's driver: the job's id."""
BEAT_S = 10.0
"""Seconds between two such signs of life."""
STALE_S = 3 * BEAT_S
"""A driver that gives none for so long is dead, or cut off from its store."""
_MOST_SKEW_S = 600.0
"""No two clocks of a cluster are further apart (`hmlc doctor` measures it)."""
Life = Literal["alive", "dead", "unknown"]


def identity() -> str:
    """This process, as the tag tells it."""
    values: dict[str, object] = {"host": _host(), "pid": os.getpid(), "started": _started(os.getpid())}
    if job := os.environ.get(JOB_VARIABLE):
        values["job"] = job
    return json.dumps(values)


def life(tags: Mapping[str, str]) -> Life:
    """Whether the driver of a run lives, as far as one look tells.

    On its own machine the process itself is looked for. Elsewhere a driver whose last sign of life is older than any
    clock could be wrong is dead, and all else is unknown: `settled_life` watches it.
    """
    try:
        driver = json.loads(tags.get(DRIVER, ""))
        if driver["host"] == _host():
            started = _started(int(driver["pid"]))
            return "alive" if started is not None and abs(started - float(driver["started"])) < 2 else "dead"
        if SEEN in tags and time.time() - float(tags[SEEN]) > _MOST_SKEW_S:
            return "dead"
    except (ValueError, KeyError, TypeError):  # not written by this package, or by an older one
        return "unknown"
    return "unknown"


def where(tags: Mapping[str, str]) -> str:
    """The driver in words: its process and host."""
    try:
        driver = json.loads(tags.get(DRIVER, ""))
        return f"process {driver['pid']} on {str(driver['host']).partition('/')[0]}"
    except (ValueError, KeyError, TypeError):
        return "a process that left no name"


def _started(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


@cache
def _host() -> str:
    """Name, boot and process namespace: two containers of one name are two hosts."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8])
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    except OSError:
        pass
    return "/".join(parts)
