"""The same function on many items, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from hmlc_ray.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")
_TASK = 16  # items that a process takes in one go
_TASKS = 8  # tasks per process between two blocks
_ALONE = 2 * _TASK  # so few are done before another process has started


def in_blocks(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[range, list[Result]]]:
    """Results in the order of the items, a block at a time, so that a caller can write what is done, or stop.

    Yields:
        Numbers of the items, and their results.

    Raises:
        DataError: if a process is killed.
    """
    processes = 1 if len(items) <= _ALONE else joblib.cpu_count()
    size = _TASK * _TASKS * processes
    for start in range(0, len(items), size):
        rows = range(start, min(start + size, len(items)))
        yield rows, _block(function, items[rows.start : rows.stop], processes)


def _block(function: Callable[[Item], Result], items: Sequence[Item], processes: int) -> list[Result]:
    tasks = [joblib.delayed(_each)(function, items[start : start + _TASK]) for start in range(0, len(items), _TASK)]
    try:
        # loky neither forks a process that has threads (Ray's, OpenMP's) nor imports the main module anew.
        with joblib.parallel_config("loky", idle_worker_timeout=5):
            parts = joblib.Parallel(n_jobs=processes)(tasks)
    except BrokenProcessPool as error:
        raise DataError(
            "a process that sampled surfaces was killed, perhaps for want of memory; "
            "the environment variable LOKY_MAX_CPU_COUNT limits how many there are"
        ) from error
    return [result for part in parts for result in part]


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]
