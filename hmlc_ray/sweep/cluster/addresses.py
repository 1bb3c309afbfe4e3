"""Which cluster `--address auto` means: the one of this machine, never another sweep's embedded Ray."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from hmlc_ray.errors import ClusterError
from hmlc_ray.machine.loopback import is_loopback
from hmlc_ray.sweep.cluster.environment import ADDRESS, JOB_CONFIG
from hmlc_ray.sweep.cluster.internals import get_ray_address_file

_CONNECT_TIMEOUT_S = 5.0
_GCS = "--gcs-address="


def cluster_here() -> str:
    """The `host:port` that `auto` means.

    It is the cluster that runs this process as a job, else `RAY_ADDRESS`, else the cluster that the last `ray start` on
    this machine recorded, if it still answers, else the only one that was started here and still runs. Rays that
    belong to the process that started them are left alone: they end with it.

    Raises:
        ClusterError: if there is none, or several without a preferred one.
    """
    if JOB_CONFIG in os.environ and (own := _of_this_job()):
        return own
    given = os.environ.get(ADDRESS, "")
    if given not in ("", "auto"):
        return given
    recorded = _recorded()
    if recorded and listening_error(recorded) is None:
        return recorded
    running = sorted(_started_here())
    if len(running) == 1:
        return running[0]
    if running:
        raise _none(f"several run on this machine: {', '.join(running)}", "name one of them with --address HOST:PORT")
    if _is_of_another_user():
        hint = "name a cluster that you trust with --address HOST:PORT"
        raise _none(f"{get_ray_address_file(None)} was written by another user of this machine", hint)
    if recorded:
        left = f"{get_ray_address_file(None)} names {recorded}, where nothing listens: the Ray that wrote it was killed"
        raise _none(left, "start one with `ray start --head`")
    raise _none("no Ray runs on this machine", "start one with `ray start --head`")


def listening_error(address: str) -> Exception | None:
    """The reason why a connection to `host:port` fails; None where it is accepted."""
    host, _, port = address.rpartition(":")
    try:
        # An IPv6 address keeps its brackets everywhere but here.
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        return error
    return None


def same_address(given: str, connected_to: str) -> bool:
    """Whether a `host:port` is the cluster that this process is connected to, by whatever name of its host."""
    (host, _, port), (own_host, _, own_port) = given.rpartition(":"), connected_to.rpartition(":")
    return port == own_port and (host == own_host or is_loopback(host) or bool(_resolved(host) & _resolved(own_host)))


def _resolved(host: str) -> set[str]:
    with suppress(OSError, UnicodeError):
        return {str(info[4][0]) for info in socket.getaddrinfo(host.strip("[]"), None)}
    return set()


def _none(reason: str, hint: str) -> ClusterError:
    return ClusterError(f"no Ray cluster can be reached at --address auto ({reason}); {hint}")


def _recorded() -> str | None:
    """What the last `ray start` wrote; the file outlives a cluster that was killed."""
    with suppress(OSError):
        text = Path(get_ray_address_file(None)).read_text(encoding="utf-8").strip()
        host, _, port = text.rpartition(":")
        return text if host and port.isdigit() and not _is_of_another_user() else None
    return None


def _is_of_another_user() -> bool:
    """Whether somebody else wrote the record, whom this process had to trust with its token and its code."""
    with suppress(OSError):
        return not _is_trusted(os.stat(get_ray_address_file(None)).st_uid)
    return False


def _is_trusted(user: int) -> bool:
    return user in (0, os.geteuid())


def _of_this_job() -> str | None:
    """Ray's job supervisor looks for its cluster as `auto` does, and may give a job another one's address."""
    with suppress(psutil.Error):
        for process in psutil.Process().parents():
            if address := _gcs_address(process):
                return address
    return None


def _started_here() -> set[str]:
    """The clusters that have a node on this machine by `ray start`."""
    addresses = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            address = _gcs_address(process)
            if address and _is_trusted(process.uids().real) and not _is_embedded(process):
                addresses.add(address)
    return addresses


def _gcs_address(process: psutil.Process) -> str | None:
    """The address of the cluster whose raylet a process is; None for other processes."""
    if process.name() != "raylet":
        return None
    return next((word.removeprefix(_GCS) for word in process.cmdline() if word.startswith(_GCS)), None)


def _is_embedded(raylet: psutil.Process) -> bool:
    """Whether `ray.init` started it: its parent is the driver then, else `ray start` or whoever takes orphans."""
    parent = raylet.parent()
    if parent is None or parent.pid == 1:
        return False
    words = parent.cmdline()
    return "python" in "".join(words[:1]).lower() and "start" not in words
