"""Connections to Ray."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray
from ray.exceptions import RayError

from hmlc_ray.errors import ClusterError, UserError, first_line, system_reason
from hmlc_ray.machine.environment import variables
from hmlc_ray.machine.loopback import EXEMPTIONS, bypass_proxies
from hmlc_ray.sweep.cluster import local, private_locks  # noqa: F401
from hmlc_ray.sweep.cluster.addresses import cluster_here, listening_error, same_address
from hmlc_ray.sweep.cluster.authentication import check_head, private
from hmlc_ray.sweep.cluster.environment import ADDRESS, API_SERVER, EMBEDDED, PACE, of_no_cluster, unless_given
from hmlc_ray.sweep.cluster.internals import disconnecting, no_services, passing_on
from hmlc_ray.sweep.cluster.placement_groups import freeing_ended_groups
from hmlc_ray.sweep.cluster.signals import install_again, own_handlers, without_hangups

_EMBEDDED = (None, "local")
_OBJECTS_BYTES = 256 * 2**20
"""Bytes of the object store, for configurations and results. Ray's own choice, a third of the memory, leaves others
little of a small /dev/shm."""
_OPTIONS = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to Ray for the time of the block.

    Args:
        address: None or `local`: an embedded Ray of this process alone, on loopback, ended with the block.
            `auto`: the cluster that runs on this machine, see `cluster_here`. `host:port`: that head's GCS.

    Where this process has initialised Ray already, as a notebook may have, that connection is used and stays.

    Raises:
        ClusterError: if there is no cluster at the address, it asks for a token that this process does not have, or
            this process is connected to another one.
    """
    _silence()
    bypass_proxies()
    if ray.is_initialized():
        _refuse_another(address)
        with _of_connected_cluster(), freeing_ended_groups():
            yield
        return
    with own_handlers(), _embedded() if address in _EMBEDDED else _attached(str(address)):
        try:
            with _of_connected_cluster(), freeing_ended_groups():
                yield
        finally:
            with suppress(Exception), disconnecting(install_again):
                ray.shutdown()


def _refuse_another(address: str | None) -> None:
    """A process has one connection to Ray. `auto` is the cluster that it has: the one on its machine may be another."""
    if address in (*_EMBEDDED, "auto"):
        return
    connected_to = ray.get_runtime_context().gcs_address
    if same_address(str(address), connected_to):
        return
    raise ClusterError(
        f"this process is connected to the Ray cluster {connected_to} already, so --address {address} cannot be used: "
        "leave the address out to use that one, or call ray.shutdown() first"
    )


def _silence() -> None:
    """Tune logs a trial's failure with its traceback; the user gets it as a sentence, in the table and in MLflow."""
    # An embedded Ray asks for a token, which is its default and no news.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    if not os.environ.get("HMLC_DEBUG"):
        for name in ("ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _embedded() -> Iterator[None]:
    with private(), of_no_cluster(), variables(unless_given(EMBEDDED)):
        try:
            own = {"include_dashboard": False, "object_store_memory": _OBJECTS_BYTES, **local.options(), **_OPTIONS}
            with no_services(), without_hangups():
                ray.init(address="local", **own)
        except UserError:
            raise
        except Exception as error:  # Ray raises plain ones here
            raise ClusterError(
                f"Ray could not be started on this machine, which may be overloaded: {first_line(error)}"
            ) from error
        yield


@contextmanager
def _attached(address: str) -> Iterator[None]:
    try:
        resolved = cluster_here() if address == "auto" else address
        _check_listening(address, resolved)
        check_head(resolved)
        ray.init(address=resolved, **_OPTIONS)
    except ClusterError:
        raise
    except (RayError, RuntimeError, ValueError, OSError) as error:
        raise unreachable(address, first_line(error)) from error
    yield


@contextmanager
def _of_connected_cluster() -> Iterator[None]:
    """This process, and the trials and workers that it starts, find the connected cluster wherever they look for one.

    Requests to the cluster's hosts pass by every proxy.
    """
    # Empty, the second one is ignored by Ray; unset, a node's own environment would decide.
    own = {ADDRESS: ray.get_runtime_context().gcs_address, API_SERVER: "", **unless_given(PACE)}
    with variables({**own, **{name: os.environ.get(name) for name in EXEMPTIONS}}):
        bypass_proxies(node["NodeManagerAddress"] for node in ray.nodes())
        with passing_on(set(own)):
            yield


def _check_listening(address: str, resolved: str) -> None:
    """Ray itself tries for many minutes before it gives up on an address."""
    host, _, port = resolved.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        url = "; the URL of a Jobs API is for `hmlc submit`" if resolved.startswith("http") else ""
        if resolved == address:
            raise ClusterError(f"--address {address!r} is not an address; allowed are local, auto and host:port{url}")
        raise ClusterError(
            f"RAY_ADDRESS={resolved}, which --address auto reads, is not the host:port of a cluster{url}"
        )
    if error := listening_error(resolved):
        where = "" if resolved == address else f"{resolved}: "
        raise unreachable(address, where + system_reason(error)) from error


def unreachable(address: str, reason: str) -> ClusterError:
    """The error for an address at which no Ray answers."""
    hint = "start one with `ray start --head`" if address == "auto" else "check that the head runs and its port is open"
    return ClusterError(f"no Ray cluster can be reached at --address {address} ({reason}); {hint}")
