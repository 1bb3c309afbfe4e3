"""G-HMLC: a Gaussian mixture over feature dimensions gives each level a feature mask (arXiv 2510.00837)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hmlc_ray.arrays import IntArray
from hmlc_ray.compute import distributed
from hmlc_ray.config.objective import GHmlcConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport
from hmlc_ray.objectives.level_objective import LevelObjective
from hmlc_ray.objectives.masks.descriptor import ClassSums
from hmlc_ray.objectives.masks.feature_masks import FeatureMasks
from hmlc_ray.objectives.masks.refit import MaskFit, fit_masks, fixed_masks, refit_due


class GHmlc(LevelObjective):
    """v_i^h = M_h * z_i, normalised, with one constant mask M_h in [0, 1]^D per level between two fits.

    The paper's: a Gaussian mixture whose components give hard masks over embedding features, one per level; the
    Dirichlet process that infers their number is its future work. Ours, since its equations are not public: all of
    `masks/`: descriptor, mixture, assignment and refit, in this order. Until the first fit every mask is all ones and
    the loss is sum-SupCon, as it stays with `mask: none`.

    Class sums are taken from the global batches of the epoch at whose end a fit is due. The fit runs on rank 0 and is
    broadcast. Masks and assignment are buffers and so part of every checkpoint.

    Args:
        config: which masks, and when.
        dims: the taxonomy, N_c^h and D.
    """

    mask: Tensor
    """M, float [H, D]."""
    assignment: Tensor
    """The level that each dimension belongs to most, int64 [D]; -1 before the first fit."""

    def __init__(self, config: GHmlcConfig, dims: Dims) -> None:
        super().__init__(config, dims)
        self.config = config
        self.taxonomy = dims.taxonomy
        assert not config.needs_dimension_per_level or dims.embedding_dim >= self.taxonomy.num_levels
        self.register_buffer("mask", torch.ones(self.taxonomy.num_levels, dims.embedding_dim))
        self.register_buffer("assignment", torch.full((dims.embedding_dim,), -1))
        self._collecting = False
        self._sums: ClassSums | None = None
        self._prepared: FeatureMasks | None = None
        self._stale = False
        self.register_load_state_dict_post_hook(_forget_prepared)  # type: ignore[no-untyped-call]

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]; in training it also counts them in for the next fit."""
        if self._collecting and self.training:
            self._count_in(batch)
        return self.contrast_masked(batch, self._feature_masks())

    def begin_epoch(self, epoch: int, num_epochs: int) -> None:
        """Prepare the masks for use, and start the sums afresh if a fit is due at the epoch's end."""
        self._feature_masks()
        self._sums = None
        self._collecting = self.config.mask not in ("none", "random") and refit_due(self.config, epoch, num_epochs)

    def end_epoch(self, epoch: int, num_epochs: int) -> dict[str, float]:
        """Make new masks if they are due.

        Returns:
            After a change of masks `mask/dims/<h>`, `mask/overlap`, `mask/stability` (from the second fit on) and, of a
            mixture, `mask/bic`, `mask/components` and `mask/converged`; else nothing.
        """
        sums, self._sums = self._sums, None
        if sums is not None:
            return self._adopt(lambda: fit_masks(self.config, sums, self.taxonomy, self._levels()))
        if self.config.mask == "random" and not self.is_fitted and refit_due(self.config, epoch, num_epochs):
            return self._adopt(lambda: fixed_masks(self.config, self.mask.shape[1], self.taxonomy))
        return {}

    @property
    def is_fitted(self) -> bool:
        """Whether masks other than all ones are in use."""
        return bool(self.assignment[0] >= 0)

    def masks(self) -> Tensor | None:
        """M, float [H, D]: ones until the first fit; None with `mask: none`."""
        return None if self.config.mask == "none" else self.mask

    def _count_in(self, batch: Batch) -> None:
        if self._sums is None:
            self._sums = ClassSums(self.taxonomy.num_leaves, self.mask.shape[1], batch.embeddings.device)
        self._sums.add(batch.embeddings, batch.paths[:, -1])

    def _levels(self) -> IntArray | None:
        return self.assignment.cpu().numpy() if self.is_fitted else None

    def _adopt(self, fit: Callable[[], MaskFit]) -> dict[str, float]:
        """Take over rank 0's fit on every worker; the log is the same on all."""
        log: dict[str, float] = {}
        if distributed.rank() == 0:
            result = fit()
            self.mask.copy_(torch.from_numpy(result.masks))
            self.assignment.copy_(torch.from_numpy(result.level))
            log = result.log
        distributed.broadcast_from_rank0(self.mask)
        distributed.broadcast_from_rank0(self.assignment)
        self._stale = True
        return distributed.broadcast_object(log)

    def _feature_masks(self) -> FeatureMasks | None:
        """The masks prepared for use, once per change: preparing looks at their values, which waits for the device."""
        if self._stale:
            self._prepared = FeatureMasks.of(self.mask) if self.is_fitted else None
            self._stale = False
        return self._prepared

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GHmlc:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._stale = True
        return self


def _forget_prepared(module: Any, _incompatible_keys: Any) -> None:
    """Masks were loaded, so what was prepared from the old ones is out of date."""
    module._stale = True
