"""Resources of the connected cluster, and those that it can grow to."""

from __future__ import annotations

import ray
import ray.tune

from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.sweep.cluster.demand import DRIVER_CPUS, Amounts, total_of
from hmlc_ray.sweep.cluster.internals import node_groups

_MOST_NODES = 1000
"""Counted of a node group without an upper bound."""


def nodes_of(trials: TrialsConfig) -> list[Amounts]:
    """The resources of each node that trials can run on: those there are, and those an autoscaler can add.

    Where Ray's autoscaler does not publish its node groups, `trials.scales_to` says what can still be added.
    """
    now = alive_nodes()
    grown = [*now, *_to_come(now)]
    if trials.scales_to is None:
        return grown
    total = total_of(now)
    wanted = {"CPU": trials.scales_to.cpus, "GPU": trials.scales_to.gpus}
    more = {name: amount - total.get(name, 0.0) for name, amount in wanted.items() if amount > total.get(name, 0.0)}
    return [*grown, more] if more else grown


def alive_nodes() -> list[Amounts]:
    """CPUs, GPUs and all else of each node that is alive."""
    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def driver_cpus() -> float:
    """CPUs that the driver of a trial with workers reserves; see `driver_request`."""
    return 0.0 if any(node.get("CPU") for node in alive_nodes()) else DRIVER_CPUS


def driver_request() -> ray.tune.PlacementGroupFactory:
    """What the driver of a trial with workers reserves: no CPU, so that worker groups can fill a cluster exactly.

    Ray refuses a request for nothing, so it is a byte of memory, on a node that has CPUs: a head without any is not
    meant to hold trials. Where all such nodes are still to come it is a little of a CPU, for which an autoscaler starts
    one.
    """
    if cpus := driver_cpus():
        return ray.tune.PlacementGroupFactory([{"CPU": cpus}])
    bare = [node["NodeID"] for node in ray.nodes() if node["Alive"] and not node["Resources"].get("CPU")]
    where = {"bundle_label_selector": [{"ray.io/node-id": f"!in({','.join(bare)})"}]} if bare else {}
    return ray.tune.PlacementGroupFactory([{"memory": 1}], **where)


def _to_come(now: list[Amounts]) -> list[Amounts]:
    nodes: list[Amounts] = []
    for group in node_groups():
        most = _MOST_NODES if group.max_count < 0 else group.max_count
        nodes += [{name: float(amount) for name, amount in group.resources.items()}] * most
    # The groups count the nodes that run already, all but the head.
    return nodes[len(now) - 1 :]
