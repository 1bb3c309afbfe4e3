"""Which hosts only this machine can reach, and that requests to them pass by every proxy."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_address

_EXEMPT = ("no_proxy", "NO_PROXY")
"""Libraries read one or the other, and most of them the first that is set."""
_GRPC = "no_grpc_proxy"
"""gRPC reads this one instead, where it is set."""
EXEMPTIONS = (*_EXEMPT, _GRPC)
"""The variables that `bypass_proxies` may set."""
_LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host of this name: `localhost`, or an address such as 127.0.0.1 or ::1."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bypass_proxies(hosts: Iterable[str] = ()) -> None:
    """Exempt this machine, and `hosts`, from the proxies that the environment names for this process and its children.

    `http_proxy` and the like are kept for all other hosts. Without a proxy nothing is changed: where `no_proxy` alone
    is set, Python ignores the proxies of macOS and Windows.
    """
    names = {name.lower() for name, value in os.environ.items() if value}
    if not any(name.endswith("_proxy") for name in names - {"no_proxy", _GRPC}):
        return
    given = [entry.strip() for name in _EXEMPT for entry in os.environ.get(name, "").split(",")]
    own = [*_LOOPBACK, *hosts]
    # A lone * exempts every host; beside others it means nothing.
    entries = ["*"] if "*" in given else [*given, *own]
    for name in _EXEMPT:
        os.environ[name] = _joined(entries)
    if grpc := os.environ.get(_GRPC):
        os.environ[_GRPC] = _joined([*(entry.strip() for entry in grpc.split(",")), *own])


def _joined(entries: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(entry for entry in entries if entry))
