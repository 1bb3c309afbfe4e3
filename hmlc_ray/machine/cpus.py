"""How many CPUs this process may use. What follows from the machine's size asks here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hmlc_ray.errors import ConfigError
from hmlc_ray.machine.cgroups import ROOT, cpu_quota

VARIABLE = "HMLC_CPUS"
"""Environment: the number of CPUs to use, whatever else would limit it."""
_SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")
_THREADS = "OMP_NUM_THREADS"


def usable_cpus(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int:
    """The least of: the CPUs that this process may run on, the quota of its control groups (rounded down) and, within
    a job of Slurm, the CPUs that it was given; at least 1.

    Args:
        environment: `HMLC_CPUS` is taken as it is.
        root: see `cpu_quota`.

    Raises:
        ConfigError: if `HMLC_CPUS` is not a number of CPUs.
    """
    if given := environment.get(VARIABLE):
        if not given.isascii() or not given.isdecimal() or int(given) < 1:
            raise ConfigError(f"{VARIABLE} must be a number of CPUs, at least 1, got {given!r}")
        return int(given)
    quota = cpu_quota(root)
    limits = [_runnable(), *([] if quota is None else [int(quota)])]
    if "SLURM_JOB_ID" in environment:
        limits += [int(text) for name in _SLURM if (text := environment.get(name, "")).isdecimal()]
    return max(1, min(limits))


def usable_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Threads for the CPU kernels of this process: its CPUs, or fewer where `OMP_NUM_THREADS` says so.

    In Ray's processes that is the number of CPUs that Ray reserved.
    """
    first = environment.get(_THREADS, "").partition(",")[0].strip()  # a list has one number for each level of nesting
    cpus = usable_cpus(environment)
    return min(cpus, int(first)) if first.isascii() and first.isdecimal() and int(first) > 0 else cpus


def _runnable() -> int:
    """The CPUs that the scheduler may run this thread on; all of the machine's where the system does not say."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS has none
        return os.cpu_count() or 1
