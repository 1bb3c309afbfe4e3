"""The load of the driver's machine, as metrics of a study's run, by MLflow's own monitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def monitored(uri: str, run_id: str) -> Iterator[None]:
    """Log CPU, memory, disk, network and GPUs for the time of the block, where MLflow's own variable
    `MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING` is true. A thread of this process; what it cannot log is left out."""
    from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING

    if not MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():
        yield
        return
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    monitor = None
    with suppress(Exception):  # of psutil, of the libraries of GPUs, of the store
        monitor = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=uri)
        monitor.start()
    try:
        yield
    finally:
        if monitor is not None:
            with suppress(Exception):
                monitor.finish()
