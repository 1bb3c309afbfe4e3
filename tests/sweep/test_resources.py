"""What a trial needs, and how many fit at once."""

from __future__ import annotations

from typing import Any

import pytest

from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
from hmlc_ray.errors import ClusterError
from hmlc_ray.sweep.resources import concurrency, group_demand, trial_demand


def trials(**values: Any) -> TrialsConfig:
    return TrialsConfig.model_validate(values)


def sweep(refit: int | None = None, **values: Any) -> SweepConfig:
    study = {"name": "s", "refit": None if refit is None else {"workers": refit}}
    return SweepConfig.model_validate({"study": study, "trials": values, "space": {"seed": {"int": [0, 1]}}})


def test_demand_counts_every_worker_and_the_waiting_driver() -> None:
    assert trial_demand(trials(resources={"cpus": 2})) == {"CPU": 2}
    group = trials(workers=3, resources={"cpus": 2, "gpus": 0.5})
    assert group_demand(group) == {"CPU": 6, "GPU": 1.5}
    assert trial_demand(group) == pytest.approx({"CPU": 6.01, "GPU": 1.5})
    assert group_demand(trials(workers="2:8")) == {"CPU": 2}


@pytest.mark.parametrize(
    ("values", "supply", "expected"),
    [
        ({}, {"CPU": 8}, 8),
        ({"resources": {"cpus": 3}}, {"CPU": 8}, 2),
        ({"resources": {"cpus": 1, "gpus": 0.25}}, {"CPU": 64, "GPU": 2}, 8),
        ({"resources": {"cpus": 0.1}}, {"CPU": 2}, 20),
        ({"workers": 2}, {"CPU": 8}, 3),  # 2.01 each: with four at once the drivers would starve the workers
        ({"max_concurrent": 2}, {"CPU": 8}, 2),
        ({"max_concurrent": 20}, {"CPU": 8}, 8),
    ],
)
def test_the_scarcest_resource_decides(values: dict[str, Any], supply: dict[str, float], expected: int) -> None:
    assert concurrency(sweep(**values), supply) == expected


def test_what_never_fits_is_refused() -> None:
    with pytest.raises(ClusterError, match="a trial needs 1 GPU, but the Ray cluster has 0: ask for less"):
        concurrency(sweep(resources={"gpus": 1}), {"CPU": 8})
    with pytest.raises(ClusterError, match=r"a trial needs 4\.01 CPU, but the Ray cluster has 2"):
        concurrency(sweep(workers=4), {"CPU": 2})
    with pytest.raises(ClusterError, match="the refit needs 4 CPU, but the Ray cluster has 2"):
        concurrency(sweep(refit=4), {"CPU": 2})
