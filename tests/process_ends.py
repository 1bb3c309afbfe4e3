"""Waiting for the end of a process that another one has started."""

from __future__ import annotations

import time

from hmlc_ray.machine.processes import start_of


def ends(pid: int, seconds: float = 200) -> bool:
    """Whether a process, of whomever, ends within so many seconds; one for whose end nobody asks stays as a zombie."""
    end = time.monotonic() + seconds
    while start_of(pid) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
