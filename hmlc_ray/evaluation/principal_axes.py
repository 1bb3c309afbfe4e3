"""The probe's training features, and a copy in single precision along their principal axes."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from hmlc_ray.arrays import FloatArray
from hmlc_ray.errors import TrainingError

CPU = torch.device("cpu")
_MOST_ROTATED = 2048
"""Features of which the axes are computed at most: their cost grows with the cube of that number."""
_LEAST_VARIANCE = 1e-7
"""Part of the largest variance: a direction with less holds nothing but the rounding of single precision."""


class TrainingRows:
    """Standardised features [n, F] that every level's probe is fitted to; what costs something is computed once.

    In memory are the features in float64 and, once `rotated` was asked for, half as much again.
    """

    def __init__(self, features: FloatArray, device: torch.device = CPU) -> None:
        self.features = features
        self.device = device

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def exact(self) -> Tensor:
        """float64 [n, F], on the device."""
        return torch.as_tensor(self.features, dtype=torch.float64, device=self.device)

    @cached_property
    def rotated(self) -> Tensor:
        """float32 [n, F] on the device: the coordinates along `axes`."""
        single = self.exact.float()
        return single if self.axes is None else single @ self.axes.float()

    @cached_property
    def axes(self) -> Tensor | None:
        """float64 [F, F], the principal axes as columns; None where there are too many features to compute them."""
        return self._spectrum[0]

    @cached_property
    def variances(self) -> Tensor:
        """float64 [F], along `axes`, positive."""
        found = self._spectrum[1]
        return found.clamp(min=max(_LEAST_VARIANCE * float(found.max()), torch.finfo(torch.float64).tiny))

    def to_axes(self, weights: Tensor) -> Tensor:
        """Weights of features, float64 [K, F + 1] with the intercept last, as weights of `rotated`; gradients alike."""
        return weights if self.axes is None else torch.cat([weights[:, :-1] @ self.axes, weights[:, -1:]], dim=1)

    def from_axes(self, weights: Tensor) -> Tensor:
        """The inverse of `to_axes`."""
        return weights if self.axes is None else torch.cat([weights[:, :-1] @ self.axes.T, weights[:, -1:]], dim=1)

    @cached_property
    def _spectrum(self) -> tuple[Tensor | None, Tensor]:
        single = self.exact.float()
        squares = single.square().mean(dim=0, dtype=torch.float64)
        if not torch.isfinite(squares).all():
            raise TrainingError("the features are not finite, so no probe can be fitted to them")
        if single.shape[1] > _MOST_ROTATED:
            return None, squares
        variances, axes = torch.linalg.eigh((single.T @ single).double() / len(single))
        return axes, variances
