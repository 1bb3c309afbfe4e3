"""The temporary directory: shared with other users, with a long path, missing, and left as it was found."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ray.air._internal.filelock import TempFileLock
from sandbox import Sandbox, kill_driver, read_until

import hmlc_ray.sweep.cluster.connect  # noqa: F401 - changes where Ray's locks lie
from hmlc_ray.errors import ClusterError, ConfigError
from hmlc_ray.machine import scratch
from hmlc_ray.machine.scratch import (
    clear_dead,
    private_folder,
    scratch_folder,
    short_private_folder,
    temporary_directory,
)
from hmlc_ray.sweep.cluster import addresses, local
from hmlc_ray.sweep.cluster.local import options

HOLDER = """
import sys
from hmlc_ray.machine.scratch import scratch_folder
with scratch_folder("checkpoint") as folder:
    (folder / "state.pt").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""
SERVED = """
import multiprocessing
from hmlc_ray.machine.scratch import prepare_sockets
if __name__ == "__main__":
    prepare_sockets()
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.apply(abs, (-6,)))
"""


@pytest.fixture
def tmpdir_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The temporary directory of this process and of what it starts."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    scratch._clear_once.cache_clear()
    return folder


def holder() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def test_folders_of_killed_processes_are_deleted_and_no_others(tmpdir_of: Path) -> None:
    with holder() as dead, holder() as alive:
        assert dead.stdout is not None
        assert alive.stdout is not None
        left, used = Path(dead.stdout.readline().strip()), Path(alive.stdout.readline().strip())
        theirs = tmpdir_of / "hmlc-checkpoint-of-another-version"
        theirs.mkdir()
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert (left / "state.pt").exists()
        with scratch_folder("checkpoint") as own:
            assert not left.exists()
            clear_dead()
            assert own.exists()
            assert (used / "state.pt").exists()
        assert not own.exists()
        assert alive.stdin is not None
        alive.stdin.close()
        assert alive.wait() == 0
    assert not used.exists()
    assert theirs.exists()


def test_a_name_that_another_user_took_is_neither_used_nor_in_the_way(
    tmpdir_of: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = f"hmlc-{os.geteuid()}"
    (tmpdir_of / stem).write_text("a file")
    (tmpdir_of / f"{stem}-1").symlink_to("/")
    (tmpdir_of / f"{stem}-2").symlink_to(tmpdir_of / "nowhere")
    (tmpdir_of / f"{stem}-3").mkdir()
    (tmpdir_of / f"{stem}-3").chmod(0o777)
    assert private_folder() == tmpdir_of / f"{stem}-4"
    assert private_folder() == tmpdir_of / f"{stem}-4"
    monkeypatch.setattr(scratch, "_is_private", lambda _: False)
    monkeypatch.setattr(scratch, "_TRIES", 5)
    with pytest.raises(ConfigError, match=f"the names {stem}... in the temporary directory .* set TMPDIR to"):
        private_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_folder_of_another_user_is_not_used(tmpdir_of: Path) -> None:
    taken = tmpdir_of / "hmlc-0"
    taken.mkdir(mode=0o700)
    os.chown(taken, 12345, 12345)
    assert private_folder() == tmpdir_of / "hmlc-0-1"


def test_an_address_that_another_user_wrote_is_not_followed(tmpdir_of: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is connected to gets the token, and code to run."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        record = tmpdir_of / "ray" / "ray_current_cluster"
        record.parent.mkdir()
        record.write_text(address)
        for name in ("RAY_ADDRESS", "RAY_JOB_CONFIG_JSON_ENV_VAR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(addresses, "_started_here", set)
        assert addresses.cluster_here() == address
        monkeypatch.setattr(addresses, "_is_trusted", lambda _: False)
        with pytest.raises(ClusterError, match="ray_current_cluster was written by another user of this machine"):
            addresses.cluster_here()


def test_the_locks_of_ray_s_transfers_lie_in_a_private_folder(tmpdir_of: Path) -> None:
    (tmpdir_of / "_ray_lockfiles").write_text("of the first user, who alone may write there")
    with TempFileLock(str(tmpdir_of / "tuner.pkl")):
        assert list((private_folder() / "locks").glob("*.lock"))


def test_ray_is_started_in_a_private_folder_short_enough_for_its_sockets(
    tmpdir_of: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usable(folder: str) -> bool:
        name = f"{folder}/session_2026-11-26_04-10-25_123456_1234567/sockets/plasma_store"
        return len(os.fsencode(name)) <= scratch.LONGEST_SOCKET

    assert usable(options()["_temp_dir"])
    long = tmpdir_of / ("d" * 100) / ("e" * 100)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert usable(options()["_temp_dir"])
    assert os.listdir(long) == []
    monkeypatch.setattr(scratch, "_SHORT", ())
    with pytest.raises(ConfigError, match=r"TMPDIR is .*, whose path is too long for sockets"):
        short_private_folder(80)


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_that_cannot_be_used_is_named_with_its_variable(
    tmpdir_of: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(tmpdir_of / "missing"))
    with pytest.raises(ClusterError, match=f"^{name} is .*missing, which is not a folder: set {name} to a folder that"):
        options()
    monkeypatch.setenv(name, str(tmpdir_of))
    monkeypatch.setattr(local.os, "access", lambda *_: False)
    with pytest.raises(ClusterError, match=f"^{name} is .*, which cannot be written: set {name}"):
        options()


def test_a_long_path_that_was_given_to_ray_is_refused(tmpdir_of: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmpdir_of / ("d" * 100)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with pytest.raises(ClusterError, match=r"RAY_TMPDIR is .*, whose path is too long for Ray's sockets: it may"):
        options()


def test_without_any_temporary_directory_the_variable_is_named(
    tmpdir_of: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found in [...]")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ConfigError, match=r"no temporary directory can be written \(TMPDIR is .*\): set TMPDIR"):
        temporary_directory()


def test_processes_are_started_where_the_path_is_too_long_for_a_socket(tmpdir_of: Path, tmp_path: Path) -> None:
    long = tmpdir_of / ("d" * 120)
    long.mkdir()
    program = tmp_path / "served.py"
    program.write_text(SERVED)
    env = os.environ | {"TMPDIR": str(long)}
    with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(long / "listener"))
    done = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("6\n", "")
    assert os.listdir(long) == []


@pytest.mark.journey
@pytest.mark.slow
def test_nothing_is_left_in_it_after_a_killed_sweep_is_resumed(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    """Where another user has taken all the names that Ray would use, and the path is too long for sockets."""
    folder = sandbox.folder / ("t" * 100)
    folder.mkdir()
    for name in ("ray", "_ray_lockfiles"):
        (folder / name).write_text("of another user")
    env = {"TMPDIR": str(folder)}
    process = sandbox.start("sweep", sandbox.space(trials=2, epochs=3, scheduler="null"), env=env)
    started.append(process)
    read_until(process, "trials done")
    kill_driver(process)
    left = folder / f"hmlc-{os.geteuid()}" / "scratch" / "hmlc-checkpoint-of-a-killed-trial"
    left.mkdir(parents=True, exist_ok=True)
    done = sandbox.hmlc("resume", "small", env=env)
    assert done.returncode == 0, done.stderr
    assert list(folder.rglob("hmlc-checkpoint*")) == []
    assert sandbox.statuses() == ["completed"] * 2
