"""Means over an epoch, kept on the device so that a step does not wait for them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from hmlc_ray.objectives.base import LossReport


class EpochMeter:
    """Collects loss reports; `means` gives `train/...` metrics."""

    def __init__(self, level_names: Sequence[str]) -> None:
        self._level_names = level_names
        self._values: dict[str, list[Tensor]] = defaultdict(list)
        self._per_level: dict[str, list[Tensor]] = defaultdict(list)
        self._samples = 0
        self._start = time.perf_counter()

    def add(self, report: LossReport, *, samples: int, gradient_norm: Tensor) -> None:
        """Add a step: its report, the samples of the global batch and the gradient's norm before clipping."""
        parts = {"loss": report.total, "gradient_norm": gradient_norm, **report.extras}
        for name, value in parts.items():
            self._values[f"train/{name}"].append(value.detach())
        self._per_level["train/loss"].append(report.per_level.detach())
        self._per_level["train/valid_anchors"].append(report.num_valid_anchors.detach())
        self._samples += samples

    def means(self) -> dict[str, float]:
        """Means over the epoch's steps (levels that an objective does not use are left out), and the speed.

        `train/images_per_second` counts samples, each seen in all its views.
        """
        means = {name: _mean(values).item() for name, values in self._values.items()}
        for name, values in self._per_level.items():
            levels = zip(self._level_names, _mean(values).tolist(), strict=True)
            means |= {f"{name}/{level}": mean for level, mean in levels}
        means = {name: value for name, value in means.items() if value == value}
        means["train/images_per_second"] = self._samples / (time.perf_counter() - self._start)
        return means


def _mean(values: list[Tensor]) -> Tensor:
    """Over steps."""
    return torch.stack(values).float().mean(dim=0)
