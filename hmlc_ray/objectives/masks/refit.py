"""How a mask is fitted, from class sums to masks, and when it is fitted again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import adjusted_rand_score

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.config.objective import GHmlcConfig
from hmlc_ray.objectives.masks.assignment import (
    LevelShares,
    assign,
    descriptor_shares,
    hard_masks,
    level_quotas,
    mixture_shares,
    overlap,
    soft_masks,
)
from hmlc_ray.objectives.masks.descriptor import ClassSums, descriptor, nested_variances
from hmlc_ray.objectives.masks.mixture import fit_mixture
from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True)
class MaskFit:
    """Masks and what is worth knowing about them."""

    masks: FloatArray
    """[H, D]."""
    level: IntArray
    """The one level that each dimension belongs to most, [D], before nesting and sharing."""
    log: dict[str, float] = field(default_factory=dict)


def refit_due(config: GHmlcConfig, epoch: int, num_epochs: int) -> bool:
    """Whether new masks are made at the end of `epoch` (0-based), for use from the next epoch on.

    The first are in use from epoch max(warmup_epochs, 1) on (there are no embeddings to fit before); later ones every
    `refit_every` epochs, but none comes into use after the first epoch of the last `freeze_fraction` of training.
    """
    following, start = epoch + 1, max(config.warmup_epochs, 1)
    if following >= num_epochs or following < start:
        return False
    frozen_from = math.ceil((1 - config.freeze_fraction) * num_epochs - 1e-9)
    return following == start or (following <= frozen_from and (following - start) % config.refit_every == 0)


def mixture_count(config: GHmlcConfig, num_dims: int, num_levels: int) -> int:
    """K: as configured, else H + 1, or 2H + 2 as the bound of `dirichlet`, but at most D."""
    if config.mixture_components is not None:
        return config.mixture_components
    return min(2 * num_levels + 2 if config.mask == "dirichlet" else num_levels + 1, num_dims)


def fit_masks(config: GHmlcConfig, sums: ClassSums, taxonomy: Taxonomy, previous: IntArray | None) -> MaskFit:
    """Fit masks to the embeddings counted in.

    Args:
        config: `mask` is one of mixture, dirichlet and argmax.
        sums: of one epoch.
        taxonomy: H levels.
        previous: the level of each dimension in the fit before, [D]; None if this is the first.
    """
    u = descriptor(nested_variances(sums, taxonomy))
    shares, log = _shares(config, u)
    quotas = None if config.quota == "free" else level_quotas(config.quota, len(u), taxonomy.num_classes)
    assigned = assign(shares, u, quotas)
    nested = config.nesting == "nested"
    if config.hardness == "soft":
        masks = soft_masks(shares, assigned, quotas, floor=config.soft_floor, nested=nested)
    else:
        masks = hard_masks(assigned, nested=nested)
    level = np.where(assigned, shares.responsibility, -1).argmax(axis=1)
    if previous is not None:
        log["mask/stability"] = float(adjusted_rand_score(previous, level))
    return MaskFit(masks, level, log | _sizes(masks))


def fixed_masks(config: GHmlcConfig, num_dims: int, taxonomy: Taxonomy) -> MaskFit:
    """The random partition of `mask: random`; with `quota: free` its levels are of equal size."""
    form = "equal" if config.quota == "free" else config.quota
    quotas = level_quotas(form, num_dims, taxonomy.num_classes)
    level = np.random.default_rng(config.mask_seed).permutation(np.repeat(np.arange(len(quotas)), quotas))
    masks = hard_masks(level[:, None] == np.arange(len(quotas)), nested=config.nesting == "nested")
    return MaskFit(masks, level, _sizes(masks))


def _shares(config: GHmlcConfig, u: FloatArray) -> tuple[LevelShares, dict[str, float]]:
    if config.mask == "argmax":
        return descriptor_shares(u), {}
    components = mixture_count(config, *u.shape)
    mixture = fit_mixture(u, components, dirichlet=config.mask == "dirichlet", seed=config.mask_seed)
    log = {
        "mask/bic": mixture.bic,
        "mask/components": float(mixture.num_components),
        "mask/converged": float(mixture.converged),
    }
    return mixture_shares(mixture, config.share_margin), log


def _sizes(masks: FloatArray) -> dict[str, float]:
    """Dimensions per level (the sum of a soft mask) and the overlap of levels."""
    sizes = {f"mask/dims/{h}": float(mask.sum()) for h, mask in enumerate(masks)}
    return sizes | {"mask/overlap": overlap(masks)}
