"""A head with a Jobs API, as a user starts it, and what a laptop asks of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nodes import QUICK, Node
from sandbox import HMLC, Sandbox, wait_until

TOKEN = "a-token-that-nobody-may-see"
"""For MLflow, in the environment of whoever asks."""


@dataclass(frozen=True)
class Service:
    """A head, and where its jobs keep things."""

    url: str
    cluster: Sandbox
    variables: Mapping[str, str] = field(default_factory=dict)
    """Laid over the environment of whoever asks."""

    def ask(self, laptop: Sandbox, *args: str) -> subprocess.CompletedProcess[str]:
        """The same within this process: for what looks at jobs, or is refused."""
        return laptop.here(*args, "--address", self.url, env={"MLFLOW_TRACKING_TOKEN": TOKEN, **self.variables})

    def run(self, laptop: Sandbox, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {"MLFLOW_TRACKING_TOKEN": TOKEN, **self.variables, **variables}
        return laptop.hmlc(*args, "--address", self.url, env=env)


@contextmanager
def jobs_head(cluster: Sandbox, variables: Mapping[str, str] = QUICK) -> Iterator[Service]:
    """A head of two CPUs; `variables` are laid over its environment."""
    dashboard, client, agent = free_ports(3)
    # A job finds its cluster by a file in here: heads that share the folder would get each other's jobs. Sockets lie
    # here too, and their paths must be short.
    folder = tempfile.mkdtemp(prefix="hmlc-ray-", dir="/tmp")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", f"{Path(HMLC).parent}{os.pathsep}{os.environ['PATH']}")
        environment.setenv("HMLC_HOME", str(cluster.home.root))
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        node = Node(
            "--head",
            "--port=0",
            "--num-cpus=2",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}",
            f"--ray-client-server-port={client}",
            f"--dashboard-agent-listen-port={agent}",
            f"--temp-dir={folder}",
            variables=variables,
        )
    try:
        # Whoever submits a job before the node's agent is there waits for ten seconds, and is refused then.
        wait_until(lambda: answers(dashboard) and answers(agent), "the dashboard and its agent")
        yield Service(f"http://127.0.0.1:{dashboard}", cluster)
    finally:
        node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports outside of those that Ray gives its workers."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
