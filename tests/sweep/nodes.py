"""Nodes of a cluster as a user starts them, `ray start`, on this machine; they end with their own processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from sandbox import drain, wait_until

RAY = str(Path(sys.executable).with_name("ray"))
QUICK = {
    # Ray's own bounds for a node that does not answer are made for slow networks.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_health_check_initial_delay_ms": "0",
}


class Node:
    """One `ray start --block` and all below it."""

    def __init__(self, *arguments: str, address: str = "127.0.0.1", prefix: Sequence[str] = ()) -> None:
        command = [
            *prefix,
            RAY,
            "start",
            "--block",
            "--disable-usage-stats",
            f"--node-ip-address={address}",
            *arguments,
        ]
        env = {**os.environ, **QUICK, "RAY_AUTH_MODE": "disabled"}
        self._process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines = drain(self._process)
        wait_until(self._started, "a Ray node")

    def _started(self) -> bool:
        assert self._process.poll() is None, "".join(self._lines)
        return any("Ray runtime started" in line for line in self._lines)

    @property
    def address(self) -> str:
        """HOST:PORT of a head."""
        line = next(line for line in self._lines if "--address=" in line)
        return line.split("--address=")[1].split("'")[1]

    def process(self, name: str) -> psutil.Process:
        """The node's raylet, or another of its processes."""
        return next(child for child in self._below() if child.name() == name)

    def kill(self) -> None:
        """SIGKILL to every process of the node."""
        members = self._below()
        for member in members:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(members, timeout=60)
        self._process.wait(timeout=60)

    def _below(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._process.pid)
            return [*process.children(recursive=True), process]
        return []


@contextmanager
def head() -> Iterator[Node]:
    """A head that runs no trial, so that all trials are on nodes that a test can lose."""
    node = Node("--head", "--port=0", "--num-cpus=0", "--include-dashboard=false")
    try:
        yield node
    finally:
        node.kill()
