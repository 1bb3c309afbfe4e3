"""What a trial needs, and how many fit at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ray.core.generated.autoscaler_pb2 import ClusterConfig
from ray.tune import PlacementGroupFactory

from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
from hmlc_ray.errors import ClusterError
from hmlc_ray.sweep.cluster.capacity import driver_cpus, driver_request, nodes_of
from hmlc_ray.sweep.cluster.demand import DRIVER_CPUS, concurrency, group_demand, trial_demand


def trials(**values: Any) -> TrialsConfig:
    return TrialsConfig.model_validate(values)


def sweep(refit: int | None = None, **values: Any) -> SweepConfig:
    study = {"name": "s", "refit": None if refit is None else {"workers": refit}}
    return SweepConfig.model_validate({"study": study, "trials": values, "space": {"seed": {"int": [0, 1]}}})


def test_demand_counts_every_worker_and_the_waiting_driver() -> None:
    assert trial_demand(trials(resources={"cpus": 2})) == {"CPU": 2}
    group = trials(workers=3, resources={"cpus": 2, "gpus": 0.5})
    assert group_demand(group) == {"CPU": 6, "GPU": 1.5}
    assert trial_demand(group) == {"CPU": 6, "GPU": 1.5}
    assert trial_demand(group, DRIVER_CPUS) == pytest.approx({"CPU": 6.01, "GPU": 1.5})
    assert group_demand(trials(workers="2:8")) == {"CPU": 2}


@pytest.mark.parametrize(
    ("values", "nodes", "expected"),
    [
        ({}, [{"CPU": 8}], 8),
        ({"resources": {"cpus": 3}}, [{"CPU": 8}], 2),
        ({"resources": {"cpus": 3}}, [{"CPU": 4}, {"CPU": 4}], 2),  # one on each: 8 CPUs in all are no 2.67 of 3
        ({"resources": {"cpus": 1, "gpus": 0.25}}, [{"CPU": 64, "GPU": 2}], 8),
        ({"resources": {"cpus": 1, "gpus": 0.6}}, [{"CPU": 64, "GPU": 1}] * 3, 3),
        ({"resources": {"cpus": 1, "gpus": 1}}, [{"CPU": 64}, {"CPU": 2, "GPU": 4}], 2),
        ({"resources": {"cpus": 0.1}}, [{"CPU": 2}], 20),
        ({"workers": 2}, [{"CPU": 8}], 4),  # the drivers take no CPU
        ({"workers": 2}, [{"CPU": 2}], 1),
        ({"workers": 1}, [{"CPU": 2}], 2),
        ({"workers": 2}, [{"CPU": 4}, {"CPU": 4}, {"CPU": 1}], 4),
        ({"workers": "2:8"}, [{"CPU": 8}], 4),
        ({"max_concurrent": 2}, [{"CPU": 8}], 2),
        ({"max_concurrent": 20}, [{"CPU": 8}], 8),
    ],
)
def test_the_scarcest_resource_decides(values: dict[str, Any], nodes: list[dict[str, float]], expected: int) -> None:
    assert concurrency(sweep(**values), nodes) == expected


@pytest.mark.parametrize(
    ("values", "nodes", "sentence"),
    [
        ({"resources": {"gpus": 1}}, [{"CPU": 8}], "a trial needs 1 GPU, but the Ray cluster has 0: ask for less"),
        ({"workers": 4}, [{"CPU": 2}], "a trial needs 4 CPU, but the Ray cluster has 2"),
        ({"refit": 4}, [{"CPU": 2}], "the refit needs 4 CPU, but the Ray cluster has 2"),
        (
            {"resources": {"cpus": 3, "gpus": 1}},
            [{"CPU": 8}, {"CPU": 2, "GPU": 1}],
            "a trial needs 3 CPU and 1 GPU on one node, and no node of the Ray cluster has that",
        ),
        (
            {"workers": 2, "resources": {"cpus": 3}},
            [{"CPU": 4}, {"CPU": 2}, {"CPU": 2}],
            "a trial needs 2 workers, but the nodes of the Ray cluster hold 1",
        ),
    ],
)
def test_what_never_fits_is_refused(values: dict[str, Any], nodes: list[dict[str, float]], sentence: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(sentence)):
        concurrency(sweep(**values), nodes)


def test_drivers_that_need_a_node_to_be_started_count() -> None:
    """On a cluster whose nodes are all still to come the drivers take a little of their CPUs."""
    with pytest.raises(ClusterError, match=re.escape("a trial needs 2.01 CPU, but the Ray cluster has 2")):
        concurrency(sweep(workers=2), [{"CPU": 2}], DRIVER_CPUS)
    assert concurrency(sweep(workers=2), [{"CPU": 8}], DRIVER_CPUS) == 3


def test_a_driver_waits_on_a_node_that_has_cpus_and_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def node(name: str, cpus: float) -> dict[str, Any]:
        return {"NodeID": name, "Alive": True, "Resources": {"CPU": cpus, "memory": 1e9} if cpus else {"memory": 1e9}}

    nodes = [node("a", 2), node("b", 4)]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    assert driver_cpus() == 0
    assert driver_request() == PlacementGroupFactory([{"memory": 1}])
    nodes.append(node("head", 0))
    elsewhere = [{"ray.io/node-id": "!in(head)"}]
    assert driver_request() == PlacementGroupFactory([{"memory": 1}], bundle_label_selector=elsewhere)
    del nodes[:2]
    assert driver_cpus() == DRIVER_CPUS
    assert driver_request() == PlacementGroupFactory([{"CPU": DRIVER_CPUS}])


def test_a_cluster_that_grows_counts_with_what_is_still_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]
    monkeypatch.setattr("ray.nodes", lambda: now)
    published = ClusterConfig()
    monkeypatch.setattr("hmlc_ray.sweep.cluster.internals.state.get_cluster_config", lambda: published)
    assert nodes_of(trials()) == [{"CPU": 2.0}]
    assert nodes_of(trials(scales_to={"cpus": 10, "gpus": 4})) == [{"CPU": 2.0}, {"CPU": 8.0, "GPU": 4.0}]
    group = published.node_group_configs.add(max_count=3)
    group.resources["CPU"] = 16
    assert concurrency(sweep(resources={"cpus": 4}), nodes_of(trials())) == 12
    group.max_count = -1
    assert concurrency(sweep(resources={"cpus": 16}), nodes_of(trials())) >= 999
