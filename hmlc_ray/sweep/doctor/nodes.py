"""One task on every node of the connected cluster."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hmlc_ray.config.plugins import installed
from hmlc_ray.errors import first_line
from hmlc_ray.study.storage import Results
from hmlc_ray.sweep.doctor import probe

_NODE_S = 120.0
"""Seconds within which a node must answer: its first worker process has to start."""


@dataclass(frozen=True)
class Node:
    """What a node reported."""

    name: str
    versions: dict[str, str | None]
    gpus: list[str]
    storage: str | None
    """Why the node cannot use the storage; None: it can."""
    data: str | None
    """Why the node cannot see the data; None: it can."""
    skew: float
    """Seconds by which its clock is ahead of the driver's."""
    has_gpus: bool
    """Whether Ray counts GPUs on it."""
    cpus: int | None = None
    """CPUs that its processes may use; None: not reported."""
    counted_cpus: float = 0.0
    """CPUs that Ray counts on it."""


def ask_nodes(results: Results, data: str | None) -> list[Node]:
    """Ask every node that is alive; the folder that they write into is removed again."""
    cloudpickle.register_pickle_by_value(probe)
    folder = f".hmlc-doctor-{secrets.token_hex(4)}"
    path, system = results.path(folder), results.filesystem
    problem: str | None = None
    try:
        system.create_dir(path, recursive=True)
        with system.open_output_stream(f"{path}/{probe.DRIVERS_FILE}") as file:
            file.write(b"driver")
    except OSError as error:
        problem = f"not even from the driver ({first_line(error)})"
    try:
        alive = [node for node in ray.nodes() if node["Alive"]]
        asked = [_ask(node, results.below(folder), data) for node in alive]
        nodes_asked = [_answer(node, task, problem) for node, task in zip(alive, asked, strict=True)]
        written = set(results.names(folder)) if problem is None else set()
    finally:
        if problem is None:
            system.delete_dir(path)
    return [_unseen(node, written) for node in nodes_asked]


def packages() -> tuple[str, ...]:
    """The distributions that have to be alike on all nodes."""
    return tuple(dict.fromkeys((*probe.PACKAGES, *(plugin.distribution for plugin in installed()))))


def _unseen(node: Node, written: set[str]) -> Node:
    if node.storage is None and node.name not in written:
        return Node(**{**vars(node), "storage": "the driver does not see what it wrote: the folder is not shared"})
    return node


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerAddress']}-{node['NodeID'][:6]}"


def _on(node: dict[str, Any]) -> dict[str, Any]:
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)}


def _ask(node: dict[str, Any], storage: str, data: str | None) -> Any:
    return ray.remote(probe.probe).options(**_on(node)).remote(_name(node), storage, data, packages())


def _answer(node: dict[str, Any], task: Any, problem: str | None) -> Node:
    name, has_gpus = _name(node), node["Resources"].get("GPU", 0) > 0
    try:
        said = ray.get(task, timeout=_NODE_S)
        skew = _skew(node)
    except RayError as error:
        reason = f"it did not answer ({first_line(error)})"
        return Node(name, {}, [], problem or reason, reason, 0.0, has_gpus)
    versions = {"python": said["python"], **said["versions"]}
    cpus = {"cpus": said["cpus"], "counted_cpus": node["Resources"].get("CPU", 0.0)}
    return Node(name, versions, said["gpus"], problem or said["storage"], said["data"], skew, has_gpus, **cpus)


def _skew(node: dict[str, Any]) -> float:
    """Measured on a worker that runs already, by the middle of the quickest of a few round trips."""
    clock = ray.remote(probe.clock).options(**_on(node))
    trips: list[tuple[float, float]] = []
    for _ in range(4):
        sent = time.time()
        there = ray.get(clock.remote(), timeout=_NODE_S)
        back = time.time()
        trips.append((back - sent, there - (sent + back) / 2))
    return min(trips)[1]
