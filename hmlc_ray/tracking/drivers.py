"""Which process writes a run, and whether it still lives."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Literal

from hmlc_ray.machine.processes import created, lives, machine, start_of
from hmlc_ray.study import schema

JOB_VARIABLE = "HMLC_JOB"
"""In the environment of a job's driver: the job's id."""
BEAT_S = 10.0
"""Seconds between two signs of life."""
STALE_S = 3 * BEAT_S
"""Seconds without a sign of life after which a driver is dead, or cut off from its store."""
_MOST_SKEW_S = 600.0
"""Seconds by which two clocks of a cluster seldom differ (`hmlc doctor` measures it)."""
Life = Literal["alive", "dead", "unknown"]


def identity() -> str:
    """The value of the tag for this process."""
    pid = os.getpid()
    values: dict[str, object] = {"host": machine(), "pid": pid, "started": created(pid), "start": start_of(pid)}
    if job := os.environ.get(JOB_VARIABLE):
        values["job"] = job
    return json.dumps(values)


def life(tags: Mapping[str, str]) -> Life:
    """Whether the driver of a run lives, as far as one check shows; no clock is trusted.

    On its own machine the process itself is looked for. A driver elsewhere has to be watched, see `driver_lives`.
    """
    try:
        driver = json.loads(tags.get(schema.DRIVER, ""))
        if driver["host"] != machine():
            return "unknown"
        start = driver.get("start")  # an older version did not write it
        alive = lives(int(driver["pid"]), None if start is None else int(start), float(driver["started"]))
        return "unknown" if alive is None else "alive" if alive else "dead"
    except (ValueError, KeyError, TypeError, AttributeError):  # not written by this package
        return "unknown"


def seems_dead(tags: Mapping[str, str]) -> bool:
    """Whether a driver's last sign of life is so old, by this machine's clock, that it is worth watching for another.

    It proves nothing: a clock that was set, or that is wrong, can make the sign of a living driver look old.
    """
    try:
        return schema.DRIVER_SEEN in tags and time.time() - float(tags[schema.DRIVER_SEEN]) > _MOST_SKEW_S
    except ValueError:
        return False


def where(tags: Mapping[str, str]) -> str:
    """The driver in words: its process and host."""
    try:
        driver = json.loads(tags.get(schema.DRIVER, ""))
        return f"process {driver['pid']} on {str(driver['host']).partition('/')[0]}"
    except (ValueError, KeyError, TypeError):
        return "a process that left no name"
