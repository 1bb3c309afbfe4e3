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
        self._samples = 0
        self._start = time.perf_counter()

    def add(self, report: LossReport, *, samples: int, gradient_norm: Tensor) -> None:
        """Add a step: its report, the samples of the global batch and the gradient's norm before clipping."""
        self._values["train/loss"].append(report.total.detach())
        self._values["train/gradient_norm"].append(gradient_norm.detach())
        for name, loss, valid in zip(self._level_names, report.per_level, report.num_valid_anchors, strict=True):
            self._values[f"train/loss/{name}"].append(loss.detach())
            self._values[f"train/valid_anchors/{name}"].append(valid.detach().float())
        for name, value in report.extras.items():
            self._values[f"train/{name}"].append(value.detach().float())
        self._samples += samples

    def means(self) -> dict[str, float]:
        """Means over the epoch's steps (levels that an objective does not use are left out), and the speed.

        `train/images_per_second` counts samples, each seen in all its views.
        """
        means = {name: torch.stack(values).mean().item() for name, values in self._values.items()}
        means = {name: value for name, value in means.items() if value == value}
        means["train/images_per_second"] = self._samples / (time.perf_counter() - self._start)
        return means
