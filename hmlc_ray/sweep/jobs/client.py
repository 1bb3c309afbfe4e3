"""Speaking to a head's Jobs API: an address that is wrong or dead is told in one sentence, within seconds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from hmlc_ray.errors import ClusterError, JobError, first_line
from hmlc_ray.machine.loopback import bypass_proxies, is_loopback
from hmlc_ray.sweep.cluster.authentication import check_token_file
from hmlc_ray.sweep.cluster.environment import of_no_cluster

_CONNECT_S, _ANSWER_S = 5, 30
"""Seconds in which a head must accept a connection, and answer a request."""
_LOG = logging.getLogger(__name__)
_CHATTY = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk", "ray._private.runtime_env.packaging")
_EXAMPLE = "http://HEAD:8265"


class JobsClient(JobSubmissionClient):  # type: ignore[misc]  # ray ships no types
    """Ray's own client, which would wait for ever for a host that does not answer."""

    def _do_request(self, method: str, endpoint: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", (_CONNECT_S, _ANSWER_S))
        answer: requests.Response = super()._do_request(method, endpoint, **options)
        return answer


def is_jobs_address(address: str | None) -> bool:
    """Whether an address is that of a Jobs API rather than of a Ray cluster's GCS."""
    return address is not None and address.startswith(("http://", "https://"))


def connect(address: str) -> JobsClient:
    """A client of the Jobs API at `http://HEAD:8265`.

    Raises:
        ClusterError: within seconds, if the address is none, nothing answers there, or the head wants a token.
    """
    _check(address)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    check_token_file()
    host = urlsplit(address).hostname or ""
    bypass_proxies([host] if _is_inner(host) else [])
    try:
        with of_no_cluster():  # the environment's cluster would take the place of the one that is asked for
            client = JobsClient(address.rstrip("/"))
        _tell_of_no_token(address)
    except AuthenticationError as error:
        raise ClusterError(
            f"the head at --address {address} asks for a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, or "
            "RAY_AUTH_TOKEN_PATH to a file of mode 600 that holds it"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        # requests' errors are OSErrors; what is no head answers without JSON, or without a version in it.
        raise ClusterError(
            f"no Jobs API can be reached at --address {address} ({_reason(error)}{_proxy(address)}); check that the "
            "head runs, that its dashboard is on, and that this is the dashboard's port (8265 unless changed)"
        ) from error
    return client


def _is_inner(host: str) -> bool:
    """Whether a host is one that no proxy can be meant for: a private address, or a name of the local network."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


def _proxy(address: str) -> str:
    """The proxy that requests go through, in words, for who did not mean it."""
    proxy = requests.utils.select_proxy(address, requests.utils.get_environ_proxies(address))
    if not proxy:
        return ""
    host = urlsplit(address).hostname
    return f" through the proxy {urlsplit(proxy).hostname}, which no_proxy={host} would leave out"


def _tell_of_no_token(address: str) -> None:
    """Ask without a token for what a head that wants one refuses."""
    if is_loopback(urlsplit(address).hostname or ""):
        return
    answer = requests.get(f"{address.rstrip('/')}/api/jobs/", timeout=(_CONNECT_S, _ANSWER_S))
    if answer.status_code == requests.codes.ok:
        _LOG.warning(
            "the head at %s asks for no token, so whoever reaches it can run any command on the cluster: start it with "
            "RAY_AUTH_MODE=token (docs/security.md)",
            address,
        )


@contextmanager
def lost_head(address: str) -> Iterator[None]:
    """Turns the loss of a head that had answered before into a JobError.

    Raises:
        JobError: naming the address.
    """
    try:
        yield
    except (OSError, AuthenticationError) as error:
        raise JobError(f"the head at {address} was lost ({_reason(error)}); the job may still run") from error


def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if not (is_jobs_address(address) and parts.hostname and port_is_fine) or parts.query or parts.fragment:
        raise ClusterError(f"--address {address!r} is not the address of a Jobs API; one looks like {_EXAMPLE}")
    if parts.username or parts.password:
        raise ClusterError(
            "--address must not hold a password, which would be seen in the list of processes; "
            "Ray's token goes into RAY_AUTH_TOKEN or a file named by RAY_AUTH_TOKEN_PATH"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, ConnectionError | requests.exceptions.ConnectionError):
        return "no connection"
    return first_line(error)[:200]
