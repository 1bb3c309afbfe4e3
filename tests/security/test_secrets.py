"""Planted passwords and tokens, looked for in everything that a sweep leaves and shows."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from sandbox import within
from small_space import small_space

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PASSWORD, TOKEN = "planted-mlflow-0f3a9c", "planted0ray0token0" + "5" * 32
KEYS = {
    "AWS_ACCESS_KEY_ID": "PLANTEDKEYID0F3A",
    "AWS_SECRET_ACCESS_KEY": "planted-s3-0f3a9c",
    "AWS_SESSION_TOKEN": "planted-s3t-0f",
}
PLANTED = [secret.encode() for secret in (PASSWORD, TOKEN, *KEYS.values())]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`host:port` of MLflow behind its basic authentication, started as the images start it, and its folder."""
    folder = tmp_path_factory.mktemp("server")
    password = folder / "password"
    password.write_text(PASSWORD)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    env = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "TMPDIR": str(folder),
        "STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "AUTH_URI": f"sqlite:///{folder}/auth.db",
        "ADMIN_PASSWORD_FILE": str(password),
        "ARTIFACTS": str(folder / "artifacts"),
        "ALLOWED_HOSTS": place,
        "PORT": place.partition(":")[2],
        "WORKERS": "1",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([ROOT / "docker" / "mlflow-server"], env=env, stdout=log, stderr=log)
    try:
        await_answer(f"http://{place}/health", process, folder / "log")
        yield place, folder
    finally:
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for member in [*below, process]:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait(timeout=60)


def await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


@dataclass
class Command:
    """One run of `hmlc`, with the command lines of all its processes."""

    cwd: Path
    env: dict[str, str]
    shown: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)

    def run(self, *args: str) -> int:
        process = subprocess.Popen(
            [BIN / "hmlc", *args],
            cwd=self.cwd,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watch = threading.Thread(target=self._watch, args=(process,))
        watch.start()
        self.shown.append(process.communicate(timeout=280)[0])
        watch.join()
        return process.returncode

    def here(self, *args: str) -> int:
        """The same within this process: for what starts no other, and whose arguments the test has written itself."""
        done = within(args, self.cwd, self.env)
        self.shown.append(done.stdout + done.stderr)
        return done.returncode

    def _watch(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            try:
                top = psutil.Process(process.pid)
                for member in [top, *top.children(recursive=True)]:
                    self.words.update(member.cmdline())
            except psutil.Error:
                pass
            time.sleep(0.5)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """`hmlc` in a folder of its own, with secrets in its environment; Ray and temporary files in another."""
    scratch = Path(tempfile.mkdtemp(prefix="hs", dir="/tmp"))  # a socket's path must be short
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "AWS_"))}
    env = clean | {
        "HMLC_HOME": str(tmp_path / "home"),
        "RAY_TMPDIR": str(scratch),
        "TMPDIR": str(scratch),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        **KEYS,
    }
    (tmp_path / "space.yaml").write_text(small_space("secretive"))
    yield Command(tmp_path, env)
    shutil.rmtree(scratch, ignore_errors=True)


def leaks(*folders: Path) -> list[str]:
    """Files below the folders that hold a secret."""
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return [str(file) for file in files if any(secret in file.read_bytes() for secret in PLANTED)]


def shown_secrets(command: Command) -> list[str]:
    texts = [*command.shown, *command.words]
    return [text for text in texts if any(secret.decode() in text for secret in PLANTED)]


@pytest.mark.slow
def test_a_server_takes_nobody_without_the_password(server: tuple[str, Path]) -> None:
    place, folder = server
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://{place}/api/2.0/mlflow/experiments/get?experiment_id=0", timeout=60)
    held = leaks(folder)
    assert {Path(file).name for file in held} <= {"password"}


@pytest.mark.slow
def test_a_sweep_keeps_its_secrets(server: tuple[str, Path], command: Command, tmp_path: Path) -> None:
    place, folder = server
    command.env["MLFLOW_TRACKING_URI"] = f"http://admin:{PASSWORD}@{place}"
    assert command.run("sweep", "space.yaml") == 0, command.shown
    assert command.here("best", "secretive") == 0, command.shown
    assert command.here("sweep", "space.yaml") == 2, "the name is taken"
    assert len(command.words) > 20
    assert shown_secrets(command) == []
    assert leaks(tmp_path, Path(command.env["RAY_TMPDIR"])) == []
    assert {Path(file).name for file in leaks(folder)} <= {"password"}


@pytest.mark.slow
def test_a_run_and_an_error_keep_their_secrets(server: tuple[str, Path], command: Command, tmp_path: Path) -> None:
    place, folder = server
    command.env |= {
        "MLFLOW_TRACKING_URI": f"http://{place}",
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
    }
    assert command.run("train", "space.yaml") == 0, command.shown
    command.env["MLFLOW_TRACKING_PASSWORD"] = f"{PASSWORD}-wrong"
    assert command.here("train", "space.yaml") == 2, command.shown
    command.env["MLFLOW_TRACKING_URI"] = f"postgresql://admin:{PASSWORD}@127.0.0.1:1/none"
    assert command.here("train", "space.yaml") == 2, command.shown
    assert shown_secrets(command) == []
    assert leaks(tmp_path, Path(command.env["TMPDIR"])) == []
    assert {Path(file).name for file in leaks(folder)} <= {"password"}
