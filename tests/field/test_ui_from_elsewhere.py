"""`hmlc ui` opened from another machine, by whatever this one is called: MLflow's own server answers, not 403."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess

import pytest
from sandbox import Sandbox, wait_until

from hmlc_ray.cli.ui_hosts import reachable_names

pytestmark = pytest.mark.slow
SEARCH = "/ajax-api/2.0/mlflow/runs/search"


def ask(port: int, host: str, *, origin: str | None = None) -> int:
    """The status of the page, or of what the page itself asks for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Host": host} if origin is None else {"Host": host, "Origin": origin, "Content-Type": "application/json"}
    body = None if origin is None else json.dumps({"experiment_ids": ["0"]})
    connection.request("GET" if origin is None else "POST", "/" if origin is None else SEARCH, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_it_is_opened_under_every_name_of_the_machine_and_those_that_are_given(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    sandbox.tracker()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--host", "0.0.0.0", "--allow-remote", "--port", str(port), "--allowed-host", "runs.example.org"]
    process = sandbox.start("ui", *options)
    started.append(process)

    def answers() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return ask(port, "localhost") == 200
        except OSError:
            return False

    wait_until(answers, "the server")
    own = [f"{name}:{port}" for name in [*reachable_names("0.0.0.0"), "localhost", "[::1]"]]
    for host in [*own, "runs.example.org", f"runs.example.org:{port}"]:
        assert ask(port, host) == 200, host
        assert ask(port, host, origin=f"http://{host}") == 200, host
    assert ask(port, "runs.example.org", origin="https://runs.example.org") == 200
    for host in ("evil.example", f"evil.example:{port}", "10.0.evil.example", "runs.example.org.evil.example"):
        assert ask(port, host) == 403, host
        assert ask(port, own[0], origin=f"http://{host}") == 403, host
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=200)[0]
