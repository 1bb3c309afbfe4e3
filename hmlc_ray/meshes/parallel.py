"""The same function on many items, on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

import loky
from loky import BrokenProcessPool, ProcessPoolExecutor

from hmlc_ray.errors import DataError
from hmlc_ray.machine.activity import doing
from hmlc_ray.machine.cpus import VARIABLE, usable_cpus

Item = TypeVar("Item")
Result = TypeVar("Result")
_TASK = 16  # items that a process takes in one go
_TASKS = 8  # tasks per process between two blocks
_PATIENCE_S = 2.0  # what takes no longer is done here: processes need seconds to start
_ORPHANED_S = 60.0  # processes without work end after this time, also where the one that started them was killed


def in_blocks(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[range, list[Result]]]:
    """Results in the order of the items, a block at a time, so that a caller can write what is done, or stop.

    Yields:
        Numbers of the items, and their results.

    Raises:
        DataError: if a process is killed.
    """
    processes, deadline, done = cpu_count(), time.monotonic() + _PATIENCE_S, 0
    doing("sampling surfaces and points", done, len(items))
    while done < len(items) and (processes == 1 or time.monotonic() < deadline):
        rows = range(done, min(done + _TASK, len(items)))
        yield rows, _each(items[rows.start : rows.stop], function)
        done = rows.stop
    if done < len(items):
        yield from _in_processes(function, items, done, processes)


def cpu_count() -> int:
    """Processes at once; loky's own count heeds `LOKY_MAX_CPU_COUNT`."""
    return min(usable_cpus(), int(loky.cpu_count()))


def _in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], first: int, processes: int
) -> Iterator[tuple[range, list[Result]]]:
    size = _TASK * _TASKS * processes
    blocks = [range(start, min(start + size, len(items))) for start in range(first, len(items), size)]
    # loky neither forks a process that has threads (Ray's, OpenMP's) nor imports the main module again.
    with ProcessPoolExecutor(processes, timeout=_ORPHANED_S, env={"OMP_NUM_THREADS": "1"}) as pool:
        for rows in blocks:
            tasks = [items[start : min(start + _TASK, rows.stop)] for start in range(rows.start, rows.stop, _TASK)]
            try:
                parts = list(pool.map(partial(_each, function=function), tasks))
            except BrokenProcessPool as error:
                raise DataError(
                    "a process that sampled surfaces was killed, perhaps for want of memory; "
                    f"the environment variable {VARIABLE} limits how many there are"
                ) from error
            doing("sampling surfaces and points", rows.stop, len(items))
            yield rows, list(chain.from_iterable(parts))


def _each(items: Sequence[Item], function: Callable[[Item], Result]) -> list[Result]:
    return [function(item) for item in items]
