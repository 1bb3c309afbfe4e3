"""Connecting to Ray, and what a cluster can hold."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hmlc_ray.errors import ClusterError

# Read by Ray at import or at the start of its processes; whoever sets them otherwise is left alone.
_DEFAULTS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Relative data paths mean the folder where the command was typed.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # MLflow has the metrics; Tune's CSV, JSON and TensorBoard copies are not wanted.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # The progress view is ours; Tune's newer output prints tables even when told to be silent.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Seconds between two snapshots of the experiment: what a killed driver may have to repeat.
    "TUNE_GLOBAL_CHECKPOINT_S": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "120",
    # Ray's coming default (a worker without GPUs keeps CUDA_VISIBLE_DEVICES); set, it does not warn.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_CONNECT_TIMEOUT_S = 5.0
_EMBEDDED = (None, "local")


@contextmanager
def connected(address: str | None, *, dashboard: bool = False) -> Iterator[None]:
    """A connection to Ray for the time of the block.

    Args:
        address: None or `local`: an embedded Ray of this process alone, on loopback, ended with the block.
            `auto`: the cluster that runs on this machine. `host:port`: that head's GCS.
        dashboard: start the dashboard with an embedded Ray. Nested Ray Train needs its State API: without it an
            early-stopped trial's placement group leaks and the sweep hangs (ray#54305).

    Raises:
        ClusterError: if there is no cluster at the address.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if address in _EMBEDDED:
        # Ray's own default for a cluster of its own, chosen openly so that it does not warn. Other clusters decide.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    _silence()
    already = ray.is_initialized()
    if not already:
        _init(address, dashboard=dashboard)
    try:
        yield
    finally:
        if not already:
            with suppress(Exception):
                ray.shutdown()


def _silence() -> None:
    """Tune logs a trial's failure with its traceback; the user gets it as a sentence, in the table and in MLflow."""
    if not os.environ.get("HMLC_DEBUG"):
        for name in ("ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _init(address: str | None, *, dashboard: bool) -> None:
    import ray

    options = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address in _EMBEDDED:
        ray.init(address="local", include_dashboard=dashboard, _node_ip_address="127.0.0.1", **options)
        return
    assert address is not None
    if address != "auto":
        _check_listening(address)
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise unreachable(address, str(error).strip().splitlines()[0] if str(error).strip() else "no answer") from error


def _check_listening(address: str) -> None:
    """Ray itself tries for minutes before it gives up on an address."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise ClusterError(f"--address {address!r} is not an address; allowed are local, auto and host:port")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise unreachable(address, error.strerror or str(error)) from error


def unreachable(address: str, reason: str) -> ClusterError:
    """The error for an address at which no Ray answers."""
    hint = "start one with `ray start --head`" if address == "auto" else "check that the head runs and its port is open"
    return ClusterError(f"no Ray cluster can be reached at --address {address} ({reason}); {hint}")
