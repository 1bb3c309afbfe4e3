"""One process and two give the same loss, the same gradients and the same masks, for every objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gloo import on_two_processes
from planted import regular_tree
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.objectives import Dims, build_objective
from hmlc_ray.training.learner import Learner

DIMS, FEATURES, INPUTS, EPOCHS = 20, 12, 10, 3
STEPS = (24, 24, 13)
"""Global batch sizes of an epoch; the last one is uneven."""
G_HMLC = {"kind": "g-hmlc", "warmup_epochs": 1, "refit_every": 1, "freeze_fraction": 0.0}
OBJECTIVES: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in ("simclr", "supcon", "sum-supcon", "mlcl", "a-hmlc", "cross-entropy")},
    **{f"{kind} {v}": {"kind": kind, "variant": v} for kind in ("hmc", "hce", "hmce") for v in ("paper", "code")},
    **{f"imbalance {mode}": {"kind": "sum-supcon", "imbalance": mode} for mode in ("anchor", "denominator")},
    **{f"g-hmlc {mask}": G_HMLC | {"mask": mask} for mask in ("mixture", "dirichlet", "argmax", "random", "none")},
    "g-hmlc soft": G_HMLC | {"hardness": "soft", "quota": "free", "imbalance": "denominator"},
    "bhcl": {"kind": "bhcl", "unbalanced_epochs": 1},
    "a-hmlc penalty": {"kind": "a-hmlc", "overlap_penalty": 0.5},
    "consistency": {"kind": "cross-entropy", "consistency_penalty": 0.5},
    "max-constraint": {"kind": "cross-entropy", "max_constraint": True},
    "chunk": {"kind": "sum-supcon", "chunk": 8},
}


def make_learner(values: dict[str, Any]) -> Learner:
    taxonomy = regular_tree((2, 2, 3))
    torch.manual_seed(0)
    counts = taxonomy.class_counts(np.arange(61) % taxonomy.num_leaves)
    config = TypeAdapter(ObjectiveConfig).validate_python(values)
    objective = build_objective(config, Dims(taxonomy, counts, DIMS, FEATURES))
    return Learner(nn.Linear(INPUTS, FEATURES), nn.Linear(FEATURES, DIMS), objective, taxonomy)


def batches(epoch: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Two views, leaves and sample numbers of each global batch; the last sample, of the last worker, is the first."""
    random = torch.Generator().manual_seed(epoch)
    made = []
    for size in STEPS:
        leaf = torch.randint(0, 12, (size,), generator=random)
        leaf[-1] = leaf[0]
        views = torch.randn(2, size, INPUTS, generator=random) + leaf[:, None] % torch.arange(1, INPUTS + 1)
        made.append((views, leaf, torch.arange(size) % (size - 1)))
    return made


def train(learner: Learner, rank: int, world_size: int) -> dict[str, Any]:
    """Losses, gradients and, at the end, masks; parameters stand still, so that differences do not grow."""
    needs = learner.objective.needs_features
    model = DistributedDataParallel(learner, find_unused_parameters=needs) if world_size > 1 else learner
    losses, gradients, logs = [], [], []
    for epoch in range(EPOCHS):
        learner.objective.begin_epoch(epoch, EPOCHS)
        for views, leaf, instance in batches(epoch):
            mine = slice(len(leaf) * rank // world_size, len(leaf) * (rank + 1) // world_size)
            learner.zero_grad()
            report = model(views[:, mine], leaf[mine], instance[mine])
            report.total.backward()
            losses.append(report.total.detach())
            gradients.append(torch.cat([p.grad.flatten() for p in learner.parameters() if p.grad is not None]))
        logs.append(learner.objective.end_epoch(epoch, EPOCHS))
    return {"losses": torch.stack(losses), "gradients": gradients, "logs": logs, "masks": learner.objective.masks()}


def worker(rank: int) -> dict[str, Any]:
    return {name: train(make_learner(values), rank, 2) for name, values in OBJECTIVES.items()}


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two workers saw, by objective."""
    return on_two_processes(worker, tmp_path_factory.mktemp("gloo"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_processes_train_as_one(name: str, two_processes: list[dict[str, Any]]) -> None:
    alone = train(make_learner(OBJECTIVES[name]), 0, 1)
    for result in (results[name] for results in two_processes):
        torch.testing.assert_close(result["losses"], alone["losses"], rtol=1e-6, atol=1e-9)
        for found, expected in zip(result["gradients"], alone["gradients"], strict=True):
            assert torch.linalg.vector_norm(found - expected) <= 1e-6 * torch.linalg.vector_norm(expected)
        assert [log.keys() for log in result["logs"]] == [log.keys() for log in alone["logs"]]
        for found, expected in zip(result["logs"], alone["logs"], strict=True):
            assert found == pytest.approx(expected, rel=1e-6)
    masks = [results[name]["masks"] for results in two_processes]
    if name.startswith("g-hmlc") and not name.endswith("none"):
        assert torch.equal(masks[0], masks[1])
        assert not torch.equal(masks[0], torch.ones_like(masks[0]))
        torch.testing.assert_close(masks[0], alone["masks"], rtol=1e-6, atol=1e-6)
