"""The names under which `hmlc ui` may be asked for: those of the machine and those that are given, nothing wider."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from cli_examples import Run

from hmlc_ray.cli import ui_hosts
from hmlc_ray.cli.ui_hosts import HOSTS_VARIABLE, ORIGINS_VARIABLE, access, checked_host, reachable_names, url_host
from hmlc_ray.errors import ConfigError


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a domain, two cards and a link-local address."""
    cards = {
        "lo": [SimpleNamespace(family=socket.AF_INET, address="127.0.0.1")],
        "eth0": [
            SimpleNamespace(family=socket.AF_INET, address="192.0.2.2"),
            SimpleNamespace(family=socket.AF_INET6, address="FE80::1%eth0"),
            SimpleNamespace(family=psutil.AF_LINK, address="02:fc:00:00:00:01"),
        ],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    monkeypatch.setattr(socket, "gethostname", lambda: "GPU-Box")
    monkeypatch.setattr(socket, "getfqdn", lambda name: f"{name}.lab.example.org")
    for name in (HOSTS_VARIABLE, ORIGINS_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]"])
def test_a_machine_is_reached_under_all_its_names_and_addresses(host: str) -> None:
    assert reachable_names(host) == [
        "gpu-box",
        "gpu-box.lab.example.org",
        "gpu-box.local",
        "127.0.0.1",
        "192.0.2.2",
        "[fe80::1]",
    ]


def test_the_host_that_was_given_comes_first() -> None:
    assert reachable_names("2001:DB8::7")[:2] == ["[2001:db8::7]", "gpu-box"]


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getfqdn", lambda name: answered.wait() and name)
    monkeypatch.setattr(ui_hosts, "_RESOLVE_S", 0.01)
    assert reachable_names("0.0.0.0")[:2] == ["gpu-box", "gpu-box.local"]
    answered.set()


def test_hosts_and_the_origins_of_their_pages() -> None:
    found = access(5000, ["box", "proxy:8443", "[fd00::2]"])
    hosts, origins = (found[name].split(",") for name in (HOSTS_VARIABLE, ORIGINS_VARIABLE))
    assert {"localhost:5000", "127.0.0.1:5000", "[::1]:5000"} < set(hosts)
    assert hosts[6:] == ["box", "box:5000", "proxy:8443", "[fd00::2]", "[fd00::2]:5000"]
    assert set(origins) == {f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts}
    assert "*" not in "".join(found.values())


def test_what_the_environment_allows_stays_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOSTS_VARIABLE, "a.example, b.example")
    assert access(1, [])[HOSTS_VARIABLE].split(",")[:2] == ["a.example", "b.example"]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("MLflow.Example.org", "mlflow.example.org"),
        ("my_box-2:80", "my_box-2:80"),
        ("10.0.0.7:8080", "10.0.0.7:8080"),
        ("fd00::2", "[fd00::2]"),
        ("[fd00::2]:80", "[fd00::2]:80"),
    ],
)
def test_a_host_that_is_allowed(text: str, host: str) -> None:
    assert checked_host(text) == host


@pytest.mark.parametrize(
    "text",
    ["*", "*.example.org", "", " ", "a,b", "https://a", "a/b", "a:", "a:0", "a:65536", "a:b", "[a]", "a b", "ä", "?"],
)
def test_a_pattern_or_a_url_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a host name; give a name or an address"):
        checked_host(text)


def test_an_address_in_a_url() -> None:
    assert [url_host(host) for host in ("::1", "[::1]", "Box", "fe80::1%eth0")] == [
        "[::1]",
        "[::1]",
        "box",
        "[fe80::1]",
    ]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What the server's program was started with."""
    found: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _program, _words, variables: found.append(variables))
    monkeypatch.setattr("hmlc_ray.cli.ui.refuse_taken", lambda *_: None)
    return found


@pytest.mark.parametrize(
    ("options", "allowed", "refused"),
    [
        ([], None, None),
        (["--host", "::1"], None, None),
        (["--allowed-host", "p.example"], "p.example", "gpu-box"),
        (["--host", "0.0.0.0", "--allow-remote"], "gpu-box:5000", "p.example"),
        (["--host", "::", "--allow-remote", "--allowed-host", "p.example:1"], "p.example:1", "p.example"),
    ],
)
def test_the_servers_environment(
    hmlc: Run, environment: list[dict[str, str]], options: list[str], allowed: Any, refused: Any
) -> None:
    Path("x").touch()
    result = hmlc("ui", "--tracking-uri", "sqlite:///x", *options)
    assert result.exit_code == 0, result.output
    hosts = environment[0].get(HOSTS_VARIABLE)
    assert (hosts is None) == (allowed is None)
    if hosts is not None:
        assert allowed in hosts.split(",")
        assert refused not in hosts.split(",")
    url = (
        "http://[::1]:5000"
        if "::1" in options
        else "http://gpu-box:5000"
        if "--allow-remote" in options
        else "http://127.0.0.1:5000"
    )
    assert url in result.output
    assert ("--allowed-host NAME" in result.output) == ("--allow-remote" in options)


def test_a_wrong_name_starts_nothing(hmlc: Run, environment: list[dict[str, str]]) -> None:
    result = hmlc("ui", "--allowed-host", "*")
    assert (result.exit_code, environment) == (2, [])
    assert result.stderr.startswith("hmlc: --allowed-host '*' is not a host name; ")
