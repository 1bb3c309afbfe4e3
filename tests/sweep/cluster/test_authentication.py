"""Ray's doors: an embedded Ray is this machine's alone, a head's token is asked for in a sentence and never shown."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import head
from sandbox import HMLC, Sandbox

from hmlc_ray.errors import ClusterError
from hmlc_ray.study.folder import SWEEP_FILE
from hmlc_ray.sweep.cluster.token import check_token_file

TOKEN = secrets.token_hex(32)
VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No token in the environment, and a home folder of the test's own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def token_file(folder: Path, mode: int) -> Path:
    file = folder / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text(TOKEN)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666, 0o700 | 0o010])
def test_a_token_file_that_others_can_read_is_refused(no_variables: Path, mode: int) -> None:
    file = token_file(no_variables, mode)
    with pytest.raises(ClusterError) as refused:
        check_token_file()
    assert str(refused.value) == (
        f"{file} holds Ray's token and is open to other users of this machine (mode {mode:03o}): "
        f"`chmod 600 {file}` first"
    )
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_token_file_is_fine(no_variables: Path, mode: int) -> None:
    token_file(no_variables, mode)
    check_token_file()


def test_a_named_token_file_comes_first(no_variables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file(no_variables, 0o644)
    named = no_variables / "mine"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(named))
    with pytest.raises(ClusterError, match=r"names .*mine, which cannot be read \(No such file or directory\)"):
        check_token_file()
    named.write_text(TOKEN)
    named.chmod(0o600)
    check_token_file()


@pytest.mark.parametrize("variable", [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": TOKEN}])
def test_a_file_that_is_not_used_is_not_looked_at(
    no_variables: Path, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    token_file(no_variables, 0o644)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    check_token_file()


EMBEDDED = """
import os, psutil, ray, sys
from hmlc_ray.sweep.cluster.connect import connected
with connected(None):
    assert ray.get(ray.remote(lambda: 1).remote()) == 1
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]
    for process in family[1:]:
        print("runs", os.path.basename(process.cmdline()[0].split()[0]))
    for process in family:
        for door in process.net_connections(kind="inet"):
            if door.status == psutil.CONN_LISTEN:
                print("listens", process.name(), door.laddr.ip)
    token = os.environ["RAY_AUTH_TOKEN"]
    print("length", len(token))
    print("shown", any(token in word for process in family for word in process.cmdline()))
    print("asked", os.environ["RAY_AUTH_MODE"])
print("left", "RAY_AUTH_TOKEN" in os.environ, os.listdir(os.environ["HOME"]))
"""


@pytest.mark.slow
def test_an_embedded_ray_is_few_processes_that_listen_on_loopback_and_keep_their_token(no_variables: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run([sys.executable, "-c", EMBEDDED], env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    doors = [(line[1], line[-1].removeprefix("::ffff:")) for line in lines if line[0] == "listens"]
    assert {name for name, _ in doors} >= {"gcs_server", "raylet"}
    assert {ip for _, ip in doors} <= {"127.0.0.1", "::1"}, doors
    # Nothing that only a cluster needs: dashboard, autoscaler, what sends prints to the driver.
    agents = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}
    assert {line[1] for line in lines if line[0] == "runs"} == {"gcs_server", "raylet", "ray::IDLE", *agents}
    assert [line for line in lines if line[0] not in ("listens", "runs")] == [
        ["length", "64"],
        ["shown", "False"],
        ["asked", "token"],
        ["left", "False", "[]"],
    ]


@pytest.fixture(scope="module")
def guarded_head() -> Iterator[str]:
    """The address of a head that asks for TOKEN; it ends with its own process."""
    with head(cpus=1, address=None, variables={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}) as node:
        yield node.address


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "has"),
    [
        ({"RAY_AUTH_MODE": "disabled"}, "none"),
        ({}, "none"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}, "another"),
    ],
)
def test_a_head_that_asks_for_a_token_is_told_at_once(
    sandbox: Sandbox, no_variables: Path, guarded_head: str, variables: dict[str, str], has: str
) -> None:
    env = {name: value for name, value in sandbox.env().items() if name not in VARIABLES} | variables
    command = [HMLC, "sweep", sandbox.space(), "--address", guarded_head]
    done = subprocess.run(command, cwd=sandbox.folder, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"hmlc: the Ray head at {guarded_head} asks for a token, and this process has {has}: set RAY_AUTH_MODE=token "
        "and RAY_AUTH_TOKEN_PATH to a file of mode 600 that holds it\n"
    )
    assert not (sandbox.home.study("small") / SWEEP_FILE).exists()


@pytest.mark.slow
def test_a_token_from_a_private_file_opens_the_head(sandbox: Sandbox, guarded_head: str) -> None:
    file = sandbox.folder / "token"
    file.write_text(TOKEN)
    env = sandbox.env() | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
    command = [HMLC, "sweep", sandbox.space(trials=1, epochs=1), "--address", guarded_head]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=sandbox.folder, env=env, capture_output=True, text=True, timeout=200)

    file.chmod(0o644)
    refused = run()
    assert (refused.returncode, "is open to other users of this machine (mode 644)" in refused.stderr) == (2, True)
    file.chmod(0o600)
    done = run()
    assert done.returncode == 0, done.stderr
    assert "asks for no token" not in done.stderr
    assert sandbox.statuses() == ["completed"]
    holders = [path for path in sandbox.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert holders == [file]
    assert TOKEN not in done.stdout + done.stderr + refused.stdout + refused.stderr
