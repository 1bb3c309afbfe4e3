"""The names under which MLflow's web interface may be opened: its server refuses a request with an unknown Host.

That keeps a page of another site from reading the runs through a name of its own that leads here (DNS rebinding). The
server compares whole names, port included, and by itself knows `localhost` alone; a page's own requests carry its
Origin, which has to be allowed too.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from hmlc_ray.errors import ConfigError
from hmlc_ray.machine.loopback import is_loopback

HOSTS_VARIABLE, ORIGINS_VARIABLE = "MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what a user may give
_RESOLVE_S = 3.0
"""Seconds that a name server may take to look up this machine's full name."""


def url_host(host: str) -> str:
    """A host as written in a URL and in a Host header: in lower case, an IPv6 address in brackets."""
    bare = host.strip("[]").partition("%")[0].lower()
    return f"[{bare}]" if ":" in bare else bare


def opened(host: str, port: int, more: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Under which names a server on `host` is opened, the best first, and its environment.

    Args:
        more: other names, as `checked_host` gives them.
    """
    if is_loopback(host):
        return [url_host(host)], access(port, more) if more else {}
    names = reachable_names(host)
    return names, access(port, [*names, *more])


def reachable_names(host: str) -> list[str]:
    """Names and addresses under which this machine is reached where a server listens on `host`, as in a URL."""
    names = [] if host.strip("[]") in _EVERYWHERE else [url_host(host)]
    return list(dict.fromkeys([*names, *map(url_host, _names()), *map(url_host, _addresses())]))


def access(port: int, names: Iterable[str]) -> dict[str, str]:
    """The server's environment in which it is asked under these names and those of loopback, and under those that the
    environment allows already.

    Args:
        names: as in a URL; one without a port is allowed with `port` and, as behind a proxy, without.
    """
    whole = [each for name in (*_LOCAL, *names) for each in ([name] if _has_port(name) else [name, f"{name}:{port}"])]
    origins = [f"{scheme}://{name}" for name in whole for scheme in ("http", "https")]
    return {HOSTS_VARIABLE: _joined(HOSTS_VARIABLE, whole), ORIGINS_VARIABLE: _joined(ORIGINS_VARIABLE, origins)}


def checked_host(text: str) -> str:
    """A name or address, with a port or without, as `--allowed-host` takes it; gives it as in a URL.

    Raises:
        ConfigError: if it is not a host name but a URL, a list or a pattern, for example.
    """
    name, port = _parts(text.strip())
    labels = name.replace(".", "").replace("-", "").replace("_", "")
    is_name = labels.isascii() and labels.isalnum() and ":" not in name
    if not (is_name or _is_address(name)) or not (port is None or (port.isdecimal() and 0 < int(port) < 65536)):
        raise ConfigError(
            f"--allowed-host {text!r} is not a host name; give a name or an address, with or without a port, such as "
            "mlflow.example.org or 10.0.0.7:8080, and repeat the option for more"
        )
    return url_host(name) + ("" if port is None else f":{port}")


def _parts(text: str) -> tuple[str, str | None]:
    """Name and port; an IPv6 address has a port only behind its bracket."""
    if _is_address(text):
        return text, None
    name, colon, port = text.rpartition(":")
    return (name, port) if colon else (text, None)


def _has_port(name: str) -> bool:
    return _parts(name)[1] is not None


def _is_address(text: str) -> bool:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ip_address(bare)
    except ValueError:
        return False
    return bare == text or ":" in bare


def _joined(variable: str, found: Iterable[str]) -> str:
    given = (part.strip() for part in os.environ.get(variable, "").split(","))
    return ",".join(dict.fromkeys([*filter(None, given), *found]))


def _names() -> list[str]:
    """What this machine is called: its name, its full name, and the first part of both."""
    name = socket.gethostname()
    full = _full_name(name)
    short = [each.partition(".")[0] for each in (name, full)]
    found = (name, full, *short, *(f"{each}.local" for each in short))
    return [each for each in found if each and not each.startswith("localhost")]  # known anyway


def _full_name(name: str) -> str:
    """With its domain, by a name server that may not answer."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(socket.getfqdn(name)), daemon=True)
    thread.start()
    thread.join(_RESOLVE_S)
    return found[0] if found else name


def _addresses() -> list[str]:
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    found = psutil.net_if_addrs().values()
    return [address.address for card in found for address in card if address.family in families]
