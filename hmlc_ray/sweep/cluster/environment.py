"""What the processes of a sweep know of their own cluster, whatever the environment says about others.

Code of Ray that is given no address looks for a cluster by itself: in `RAY_API_SERVER_ADDRESS`, `RAY_ADDRESS`, a file
that the last `ray start` left, and among the machine's processes. With a second Ray on the machine it finds that one.
"""

from __future__ import annotations

from collections.abc import Iterator
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


@contextmanager
def of_no_cluster() -> Iterator[None]:
    """Hide other clusters from this process and those that it starts: it is given its cluster, or starts one."""
    with variables(dict.fromkeys(_OTHERS)):
        yield
