"""Jobs on a head that asks for a token, and with a package that the cluster does not have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from jobs_head import jobs_head
from nodes import QUICK
from sandbox import Sandbox

import hmlc_ray

pytestmark = [pytest.mark.slow, pytest.mark.fault, pytest.mark.timeout(600)]
KEY = "0123456789abcdef" * 4


def test_a_head_that_asks_for_a_token_takes_jobs_from_who_has_it(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster, file = Sandbox(tmp_path_factory.mktemp("cluster")), sandbox.folder / "key"
    file.write_text(KEY)
    space = sandbox.space(trials=1, epochs=1)
    with jobs_head(cluster, {**QUICK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": KEY}) as service:
        submit = ("submit", space, "--name", "guarded", "--wait")
        none = service.run(sandbox, *submit, RAY_AUTH_MODE="disabled")
        other = service.run(sandbox, *submit, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="f" * 64)
        for refused in (none, other):
            assert (refused.returncode, refused.stdout) == (2, "")
            assert "asks for a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, or" in refused.stderr
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
        file.chmod(0o640)
        wide = service.run(sandbox, *submit, **own)
        assert (wide.returncode, "is open to other users of this machine (mode 640)" in wide.stderr) == (2, True)
        file.chmod(0o600)
        done = service.run(sandbox, *submit, **own)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "guarded: 1/1 trials done" in done.stdout
        shown = [service.run(sandbox, *words, **own).stdout for words in (("logs", "guarded"), ("list", "--json"))]
        assert not any(KEY in word for process in psutil.process_iter() for word in _words(process))
    assert cluster.statuses("guarded") == ["completed"]
    assert KEY not in "".join([done.stdout, done.stderr, none.stderr, other.stderr, wide.stderr, *shown])
    for folder in (sandbox.folder, cluster.folder):
        holders = [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
        assert holders == ([file] if folder == sandbox.folder else [])


def test_the_package_of_the_one_who_submits_can_be_sent(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A copy of the package with another version: the job's driver and its trials run what was sent."""
    cluster, copy = Sandbox(tmp_path_factory.mktemp("cluster")), sandbox.folder / "copy" / "hmlc_ray"
    shutil.copytree(Path(hmlc_ray.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__init__.py").write_text('"""A copy."""\n\n__version__ = "0.0.1+sent"\n')
    space = sandbox.space(trials=1, epochs=1)
    with jobs_head(cluster) as service:
        command = [sys.executable, "-m", "hmlc_ray.cli", "submit", space, "--name", "sent", "--wait"]
        done = subprocess.run(
            [*command, "--upload-package", "--address", service.url],
            cwd=sandbox.folder,
            env={**sandbox.env(), "PYTHONPATH": str(copy.parent)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "sent: 1/1 trials done" in done.stdout
    assert cluster.parent("sent").tags["hmlc.version"] == "0.0.1+sent"
    assert cluster.statuses("sent") == ["completed"]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
