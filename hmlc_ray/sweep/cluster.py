"""Connecting to Ray, and what a cluster can hold."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

import ray
from ray._private.services import canonicalize_bootstrap_address
from ray.exceptions import RayError

from hmlc_ray.errors import ClusterError, first_line, system_reason
from hmlc_ray.sweep.authentication import check_head, private

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
        ClusterError: if there is no cluster at the address, or it asks for a token that this process does not have.
    """
    _silence()
    if ray.is_initialized():
        yield
        return
    with private() if address in _EMBEDDED else nullcontext():
        _init(address, dashboard=dashboard)
        try:
            yield
        finally:
            with suppress(Exception):
                ray.shutdown()


def _silence() -> None:
    """Tune logs a trial's failure with its traceback; the user gets it as a sentence, in the table and in MLflow."""
    # An embedded Ray asks for a token, which is its default and no news.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    if not os.environ.get("HMLC_DEBUG"):
        for name in ("ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _init(address: str | None, *, dashboard: bool) -> None:
    options = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address in _EMBEDDED:
        try:
            ray.init(address="local", include_dashboard=dashboard, **options)
        except Exception as error:  # Ray raises plain ones here
            raise ClusterError(
                f"Ray could not be started on this machine, which may be overloaded: {first_line(error)}"
            ) from error
        return
    assert address is not None
    try:
        found = _running_here() if address == "auto" else address
        _check_listening(address, found)
        check_head(found)
        ray.init(address=found, **options)
    except ClusterError:
        raise
    except (RayError, RuntimeError, ValueError, OSError) as error:
        raise unreachable(address, first_line(error)) from error


def _running_here() -> str:
    """The address of the cluster on this machine; its record outlives a cluster that was killed.

    Raises:
        ConnectionError: if there is no record of one.
    """
    found = canonicalize_bootstrap_address("auto")
    if found is None or ":" not in found:
        raise ConnectionError("no Ray runs on this machine")
    return str(found)


def _check_listening(address: str, found: str) -> None:
    """Ray itself tries for many minutes before it gives up on an address."""
    host, _, port = found.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        url = "; the URL of a Jobs API is for `hmlc submit`" if address.startswith("http") else ""
        raise ClusterError(f"--address {address!r} is not an address; allowed are local, auto and host:port{url}")
    try:
        # An IPv6 address keeps its brackets everywhere but here.
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise unreachable(address, system_reason(error)) from error


def unreachable(address: str, reason: str) -> ClusterError:
    """The error for an address at which no Ray answers."""
    hint = "start one with `ray start --head`" if address == "auto" else "check that the head runs and its port is open"
    return ClusterError(f"no Ray cluster can be reached at --address {address} ({reason}); {hint}")
