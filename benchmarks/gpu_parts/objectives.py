"""Forward and backward of every objective, against one SupCon and, where installed, pytorch-metric-learning's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch

from gpu_parts.correctness import OBJECTIVES, batch_of, moved
from gpu_parts.made import objective_of, taxonomy_of
from gpu_parts.rows import Bench, Row, Values, median_seconds
from hmlc_ray.objectives import Batch

PART = "objectives"
WIDTH, FEATURES = 128, 128


def rows(bench: Bench) -> list[Row]:
    """The rows of this part."""
    sizes = (64,) if bench.quick else (2048, 1024, 4096, 8192)
    return [
        Row(PART, f"{name}, n = {n}", _against_supcon(values, n), seconds=4)
        for n in sizes
        for name, values in OBJECTIVES.items()
    ]


def _step(values: dict[str, Any], batch: Batch, bench: Bench) -> Callable[[], None]:
    objective = objective_of(values, taxonomy_of((2, 10, 5)), WIDTH, FEATURES).to(bench.device)
    for epoch in range(3):  # masks come into use
        objective.begin_epoch(epoch, 20)
        objective(batch)
        objective.end_epoch(epoch, 20)
    return lambda: objective(batch).total.backward()


def _against_supcon(values: dict[str, Any], n: int) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        batch = moved(batch_of(taxonomy_of((2, 10, 5)), n // 2, WIDTH, FEATURES), bench.device, torch.float32)
        repeats = 1 if bench.quick else 10
        base = _step({"kind": "supcon"}, batch, bench)
        before = median_seconds(base, bench, repeats=repeats)
        own = median_seconds(_step(values, batch, bench), bench, repeats=repeats)
        after = median_seconds(base, bench, repeats=repeats)
        values_ = {"ms": own * 1e3, "x supcon": 2 * own / (before + after)}
        return values_ | _rival(batch, own, bench, repeats)

    return measure


def _rival(batch: Batch, own: float, bench: Bench, repeats: int) -> Values:
    if find_spec("pytorch_metric_learning") is None:
        return {}
    from pytorch_metric_learning.losses import SupConLoss

    rival = SupConLoss(temperature=0.1)
    seconds = median_seconds(lambda: rival(batch.embeddings, batch.paths[:, -1]).backward(), bench, repeats=repeats)
    return {"x pytorch-metric-learning": own / seconds}
