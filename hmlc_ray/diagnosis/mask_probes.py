"""Whether a level's dimensions know that level, and the others do not: probes on a mask and on its complement."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from hmlc_ray.arrays import BoolArray, FloatArray
from hmlc_ray.config.training import EvaluationConfig
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.evaluation.judge import FrozenSplits, fit_levels
from hmlc_ray.evaluation.predictions import predict
from hmlc_ray.taxonomy import Taxonomy

MAX_SAMPLES = 10_000
"""Training samples that each of these probes learns from at most."""
_FLAT = 1e-6
"""A mask whose values differ less is the same for all dimensions."""


@dataclass(frozen=True, eq=False)
class MaskProbes:
    """Top-1 of linear probes; rows are levels of masks, columns the levels that are probed, coarsest first."""

    members: BoolArray
    """Which dimensions the mask of a level selects, [H, D]; all where its mask is the same for all."""
    inside: FloatArray
    """On the dimensions that a mask selects, float64 [H, H]."""
    outside: FloatArray
    """On the dimensions that it does not select, float64 [H, H]; NaN where it selects all."""
    whole: FloatArray
    """On all dimensions, float64 [H]."""
    majority: FloatArray
    """Share of the most frequent class, float64 [H]: what a probe reaches that knows nothing."""


def members_of(masks: FloatArray) -> BoolArray:
    """The dimensions that each mask [H, D] selects: those above the mean of the level's own mask, or all.

    A hard mask selects its ones. Probes standardise what they are given, so that they would not notice if dimensions
    were scaled by a soft mask: only selecting them makes a difference.
    """
    low, high = masks.min(axis=1, keepdims=True), masks.max(axis=1, keepdims=True)
    selected: BoolArray = (masks > masks.mean(axis=1, keepdims=True)) | (high - low <= _FLAT)
    return selected


def probe_masks(
    splits: FrozenSplits, masks: FloatArray, taxonomy: Taxonomy, settings: EvaluationConfig, device: torch.device
) -> MaskProbes | None:
    """Probe what the masks [H, D] select and what they leave, at every level; None where all select everything.

    Args:
        splits: what the masks are on, [n, D] each.
        settings: of the probes; C is chosen on validation where it is not given.
    """
    members = members_of(masks)
    if members.all():
        return None

    # Of two levels that share out the dimensions, the complement of one is the mask of the other.
    known: dict[bytes, FloatArray] = {}

    def accuracies(dimensions: BoolArray) -> FloatArray:
        key = dimensions.tobytes()
        if key not in known:
            known[key] = _accuracies(_columns(splits, dimensions), taxonomy, settings, device)
        return known[key]

    undefined = np.full(taxonomy.num_levels, math.nan)
    inside = np.stack([accuracies(own) for own in members])
    outside = np.stack([undefined if own.all() else accuracies(~own) for own in members])
    whole = accuracies(np.ones(masks.shape[1], dtype=bool))
    majority = np.array([np.bincount(classes).max() / len(classes) for classes in splits.judged.paths.T])
    return MaskProbes(members, inside, outside, whole, majority)


def fewer(splits: FrozenSplits, seed: int) -> FrozenSplits:
    """The splits with at most `MAX_SAMPLES` training samples."""
    return replace(splits, train=splits.train.subset(MAX_SAMPLES, seed))


def _columns(splits: FrozenSplits, dimensions: BoolArray) -> FrozenSplits:
    def cut(part: Frozen) -> Frozen:
        return Frozen(part.features[:, dimensions], part.paths)

    val = None if splits.val is None else cut(splits.val)
    return replace(splits, train=cut(splits.train), val=val, judged=cut(splits.judged))


def _accuracies(
    splits: FrozenSplits, taxonomy: Taxonomy, settings: EvaluationConfig, device: torch.device
) -> FloatArray:
    """Top-1 per level, float64 [H]."""
    probes, standardised = fit_levels(splits, taxonomy, settings, device)
    inputs = standardised(splits.judged.features)
    right: FloatArray = (predict(taxonomy, probes, inputs, ranks=1).own == splits.judged.paths).mean(axis=0)
    return right
