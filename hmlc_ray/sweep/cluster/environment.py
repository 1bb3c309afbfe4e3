"""What the processes of a sweep know of their own cluster, whatever the environment says about others.

Code of Ray that is given no address looks for a cluster by itself: in `RAY_API_SERVER_ADDRESS`, `RAY_ADDRESS`, a file
that the last `ray start` left, and among the machine's processes. With a second Ray on the machine it finds that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from hmlc_ray.machine.environment import variables

ADDRESS, API_SERVER = "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set for the driver of a job by the cluster that runs it."""
_OTHERS = (
    ADDRESS,
    API_SERVER,
    # An embedded Ray would keep its state in the other's Redis.
    "RAY_REDIS_ADDRESS",
    "RAY_external_storage_namespace",
    # A job's own runtime environment: its files are in the cluster that runs the job.
    JOB_CONFIG,
    "RAY_JOB_ID",
    "RAY_RAYLET_PID",
)

PACE = {
    # Each look of a Ray Train run at its workers takes one report: Ray's 2 seconds hold up trials of shorter epochs.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25",
    # How long a trial's process may take to end the workers of the trial before, until Tune fails the next one.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",
}
"""Environment of trials, see `unless_given`."""
EMBEDDED = {
    # The only node of an embedded Ray is not drained; each run would start a process that asks about it.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # A process for each CPU, started with Ray: trials and workers have an environment of their own and cannot use them.
    "RAY_prestart_worker_first_driver": "0",
}
"""Environment of an embedded Ray, see `unless_given`."""


def unless_given(values: Mapping[str, str]) -> dict[str, str]:
    """Environment variables with what the user's environment says of them, where it does."""
    return {name: os.environ.get(name, value) for name, value in values.items()}


@contextmanager
def of_no_cluster() -> Iterator[None]:
    """Hide other clusters from this process and those that it starts: it is given its cluster, or starts one."""
    with variables(dict.fromkeys(_OTHERS)):
        yield
