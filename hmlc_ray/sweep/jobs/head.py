"""A head's Jobs API, asked without loading Ray: a wrong or dead address is reported in one sentence within seconds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from hmlc_ray.errors import ClusterError, JobError, first_line
from hmlc_ray.machine.loopback import bypass_proxies, is_loopback
from hmlc_ray.sweep.cluster.token import check_token_file, own_header

CONNECT_S, ANSWER_S = 5, 30
"""Seconds in which a head must accept a connection, and answer a request."""
_LOG = logging.getLogger(__name__)
_EXAMPLE = "http://HEAD:8265"


def timeouts() -> tuple[float, float]:
    """Both timeouts, as `requests` takes them."""
    return CONNECT_S, ANSWER_S


class TokenRefused(ConnectionError):
    """A head asks for a token, or for another one."""


class Jobs(Protocol):
    """What lists the jobs of a head: this module's `Head`, or Ray's client."""

    def get_address(self) -> str:
        """The address that was asked for."""

    def list_jobs(self) -> list[Any]:
        """All jobs of the head, each with the attributes of Ray's JobDetails."""


class Head:
    """Lists a head's jobs; whatever else is asked of a head is asked by Ray's own client (`client.connect`)."""

    def __init__(self, address: str) -> None:
        """
        Raises:
            ClusterError: see `reached`.
        """
        with reached(address):
            self._address = address.rstrip("/")
            self._jobs = self._ask()

    def get_address(self) -> str:
        return self._address

    def list_jobs(self) -> list[SimpleNamespace]:
        return self._jobs

    def _ask(self) -> list[SimpleNamespace]:
        answer = requests.get(f"{self._address}/api/jobs/", headers=own_header(), timeout=timeouts())
        if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            raise TokenRefused(answer.text)
        answer.raise_for_status()
        return [SimpleNamespace(**job) for job in answer.json()]


def is_jobs_address(address: str | None) -> bool:
    """Whether an address is that of a Jobs API rather than of a Ray cluster's GCS."""
    return address is not None and address.startswith(("http://", "https://"))


@contextmanager
def reached(address: str) -> Iterator[None]:
    """The block makes the first request to the Jobs API at `http://HEAD:8265`; a head without a token gives a warning.

    Raises:
        ClusterError: within seconds, if the address is not one, nothing answers there, or the head asks for a token.
    """
    _check(address)
    check_token_file()
    host = urlsplit(address).hostname or ""
    bypass_proxies([host] if _is_inner(host) else [])
    try:
        yield
        _warn_of_no_token(address)
    except TokenRefused as error:
        raise ClusterError(
            f"the head at --address {address} asks for a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, or "
            "RAY_AUTH_TOKEN_PATH to a file of mode 600 that holds it"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        # requests' errors are OSErrors; what is not a head answers without JSON, or with other JSON.
        raise ClusterError(
            f"no Jobs API can be reached at --address {address} ({_reason(error)}{_proxy(address)}); check that the "
            "head runs, that its dashboard is on, and that this is the dashboard's port (8265 unless changed)"
        ) from error


@contextmanager
def lost_head(address: str) -> Iterator[None]:
    """Turns the loss of a head that had answered before into a JobError.

    Raises:
        JobError: naming the address.
    """
    try:
        yield
    except OSError as error:
        raise JobError(f"the head at {address} was lost ({_reason(error)}); the job may still run") from error


def _is_inner(host: str) -> bool:
    """Whether no proxy can be meant for a host: a private address, or a name of the local network."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


def _proxy(address: str) -> str:
    """The proxy that requests go through, in words: it may not be intended."""
    proxy = requests.utils.select_proxy(address, requests.utils.get_environ_proxies(address))
    if not proxy:
        return ""
    host = urlsplit(address).hostname
    return f" through the proxy {urlsplit(proxy).hostname}, which no_proxy={host} would leave out"


def _warn_of_no_token(address: str) -> None:
    """Send a request without a token, and warn if the head answers it."""
    if is_loopback(urlsplit(address).hostname or ""):
        return
    answer = requests.get(f"{address.rstrip('/')}/api/jobs/", timeout=timeouts())
    if answer.status_code == requests.codes.ok:
        _LOG.warning(
            "the head at %s asks for no token, so whoever reaches it can run any command on the cluster: start it with "
            "RAY_AUTH_MODE=token (docs/security.md)",
            address,
        )


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
    if isinstance(error, ConnectionError | requests.exceptions.ConnectionError) and not isinstance(error, TokenRefused):
        return "no connection"
    return first_line(error)[:200]
