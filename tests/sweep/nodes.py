"""Nodes of a cluster as a user starts them, `ray start`, on this machine; they end with their own processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from sandbox import drain, named_below, wait_ended, wait_until

RAY = str(Path(sys.executable).with_name("ray"))
QUICK = {
    # Ray's own bounds for a node that does not answer are made for slow networks. One that is killed refuses to be
    # asked; the timeout is for one that is cut off, and long enough for one that lives on a machine under load.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_health_check_initial_delay_ms": "0",
}


class Node:
    """One `ray start --block` and all below it.

    Args:
        address: where it listens; None: where Ray chooses.
        variables: laid over the environment.
    """

    def __init__(
        self,
        *arguments: str,
        address: str | None = "127.0.0.1",
        prefix: Sequence[str] = (),
        variables: Mapping[str, str] = QUICK,
    ) -> None:
        place = [] if address is None else [f"--node-ip-address={address}"]
        command = [*prefix, RAY, "start", "--block", "--disable-usage-stats", *place, *arguments]
        env = {**os.environ, "RAY_AUTH_MODE": "disabled", **variables}
        self._process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines = drain(self._process)
        wait_until(lambda: self._said("Ray runtime started"), "a Ray node")

    def _said(self, text: str) -> str | None:
        """The line with this text once it is printed."""
        if self._process.poll() is not None:
            raise AssertionError(self._lines.whole())
        return next((line for line in self._lines if text in line), None)

    @property
    def address(self) -> str:
        """HOST:PORT of a head, which it prints after it says that it has started."""
        line: str = wait_until(lambda: self._said("--address="), "the address of a head")
        return line.split("--address=")[1].split("'")[1]

    def process(self, name: str) -> psutil.Process:
        """The node's raylet, or another of its processes."""
        return next(process for process, found in named_below(self._process.pid) if found == name)

    def kill(self) -> None:
        """SIGKILL to every process of the node."""
        members = self._below()
        for member in members:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        wait_ended(members)
        self._process.wait(timeout=60)

    def _below(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._process.pid)
            return [*process.children(recursive=True), process]
        return []


@contextmanager
def head(cpus: int = 0, address: str | None = "127.0.0.1", variables: Mapping[str, str] = QUICK) -> Iterator[Node]:
    """A head; without CPUs it runs no trial, so that all trials are on nodes that a test can lose."""
    node = Node(
        "--head", "--port=0", f"--num-cpus={cpus}", "--include-dashboard=false", address=address, variables=variables
    )
    try:
        yield node
    finally:
        node.kill()
