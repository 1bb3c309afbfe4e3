"""From components to levels, and from levels to feature masks [H, D].

A component belongs to the level where its mean descriptor is largest, many components to one level; R[d, h], the total
responsibility of level h for dimension d, sums over its components. Dimensions are then assigned to levels, freely or
under a quota, and the assignment becomes the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from hmlc_ray.arrays import BoolArray, FloatArray, IntArray
from hmlc_ray.objectives.masks.mixture import Mixture

TIE_BREAK = 1e-6
"""Weight of the descriptor beside responsibilities: it decides between dimensions that these treat alike."""
MAX_SHIFTS = 1000
"""Iterations that move prior odds towards a quota; more would not change masks noticeably."""
SMALLEST_LEVEL = 8
"""Dimensions that a level gets at least, where there are enough."""


@dataclass(frozen=True)
class LevelShares:
    """What a mixture, or a control instead of it, says about dimensions and levels."""

    responsibility: FloatArray
    """R, [D, H]."""
    member: BoolArray
    """Levels of each dimension's most probable component, [D, H]; more than one where a component is shared."""


def mixture_shares(mixture: Mixture, margin: float) -> LevelShares:
    """Shares under the many-to-one map; a component whose two best levels lie closer than `margin` belongs to both."""
    belongs = component_levels(mixture.means, margin)
    return LevelShares(mixture.responsibilities @ belongs, belongs[mixture.responsibilities.argmax(axis=1)])


def descriptor_shares(u: FloatArray) -> LevelShares:
    """Shares without a mixture (`mask: argmax`): the softmax over levels of each dimension's descriptor [D, H]."""
    odds = np.exp(u - u.max(axis=1, keepdims=True))
    return LevelShares(odds / odds.sum(axis=1, keepdims=True), _one_hot(u.argmax(axis=1), u.shape[1]))


def component_levels(means: FloatArray, margin: float) -> BoolArray:
    """Which component [K] belongs to which level [H], from the mean descriptors [K, H]."""
    best = np.argsort(-means, axis=1, kind="stable")
    belongs = _one_hot(best[:, 0], means.shape[1])
    if means.shape[1] > 1:
        rows = np.arange(len(means))
        close = means[rows, best[:, 0]] - means[rows, best[:, 1]] < margin
        belongs[rows[close], best[close, 1]] = True
    return belongs


def smallest_level(num_dims: int, num_levels: int) -> int:
    """The floor max(8, D / 4H), or an equal share where D is too small for it."""
    return min(max(SMALLEST_LEVEL, num_dims // (4 * num_levels)), num_dims // num_levels)


def level_quotas(form: str | Sequence[float], num_dims: int, num_classes: Sequence[int]) -> IntArray:
    """Dimensions per level, int64 [H], adding up to D.

    `equal`: D / H each, the remainder to the finest levels. `log_classes`: in proportion to log C_h by largest
    remainders, but no level gets less than the floor of `smallest_level`. Shares: in proportion to them, but at
    least 1.
    """
    num_levels = len(num_classes)
    if form == "equal":
        return (num_dims + np.arange(num_levels)) // num_levels
    if form == "log_classes":
        shares = np.log(num_classes) if max(num_classes) > 1 else np.ones(num_levels)
        return _in_proportion(shares, num_dims, smallest_level(num_dims, num_levels))
    assert not isinstance(form, str), form
    assert len(form) == num_levels
    return _in_proportion(np.asarray(form, dtype=np.float64), num_dims, 1)


def _in_proportion(shares: FloatArray, num_dims: int, floor: int) -> IntArray:
    """Integers [H] that add up to D and follow the shares, none below the floor (floor x H <= D)."""
    lifted = np.zeros(len(shares), dtype=bool)
    while True:
        weight = np.where(lifted, 0.0, shares)
        exact = np.where(lifted, floor, (num_dims - floor * lifted.sum()) * weight / weight.sum())
        # Rounded down by a hair, the last level would be lifted too, and nobody left to share what remains.
        low = exact < floor - 1e-6
        if not low.any():
            return _largest_remainders(exact, num_dims)
        lifted |= low


def assign(shares: LevelShares, u: FloatArray, quotas: IntArray | None) -> BoolArray:
    """Which dimension each level sees, [D, H]; every level sees some.

    With quotas each dimension goes to one level so that the total responsibility is largest and each quota holds
    exactly. Without, each goes to the levels of its most probable component; where that leaves a level below the floor,
    the level takes the dimensions that make the total responsibility largest.

    Args:
        shares: [D, H] each.
        u: descriptors [D, H], which decide between dimensions that responsibilities treat alike.
        quotas: [H], adding up to D; None: no quota.
    """
    score = shares.responsibility + TIE_BREAK * u
    num_dims, num_levels = score.shape
    if quotas is not None:
        return _one_hot(_transport(score, quotas), num_levels)
    floor = smallest_level(num_dims, num_levels)
    if (shares.member.sum(axis=0) >= floor).all():
        return shares.member
    # Each level has `floor` slots to fill; a dimension that fills none of them keeps its levels.
    stays = np.where(shares.member, score, -np.inf).max(axis=1)
    sizes = np.append(np.full(num_levels, floor), num_dims - floor * num_levels)
    slot = _transport(np.column_stack([score, stays]), sizes)
    reassigned = np.append(np.eye(num_levels, dtype=bool), np.zeros((1, num_levels), dtype=bool), axis=0)[slot]
    stays_member = (slot == num_levels) | (shares.member & reassigned).any(axis=1)
    return np.where(stays_member[:, None], shares.member, reassigned)


def hard_masks(assigned: BoolArray, *, nested: bool) -> FloatArray:
    """Masks of zeros and ones [H, D]; `nested`: a finer level also sees every coarser level's dimensions."""
    masks = assigned.T.astype(np.float64)
    return np.maximum.accumulate(masks, axis=0) if nested else masks


def soft_masks(
    shares: LevelShares, assigned: BoolArray, quotas: IntArray | None, *, floor: float, nested: bool
) -> FloatArray:
    """Responsibilities as masks [H, D], no entry below `floor`.

    With quotas the levels' prior odds are shifted until the responsibilities of each level add up to its quota (before
    the floor and the nesting). Without, a dimension that a level got only to reach its smallest size counts in full.
    """
    if quotas is not None:
        soft = balance_to(shares.responsibility, quotas)
    else:
        soft = np.maximum(shares.responsibility, assigned & ~shares.member)
    masks = np.cumsum(soft.T, axis=0) if nested else soft.T
    return np.clip(masks, floor, 1)


def balance_to(responsibility: FloatArray, quotas: IntArray) -> FloatArray:
    """Responsibilities [D, H] under other prior odds of the levels: rows add up to 1, columns to the quotas."""
    odds = np.maximum(responsibility, TIE_BREAK)
    prior = np.ones(len(quotas))
    for _ in range(MAX_SHIFTS):
        balanced: FloatArray = odds * prior
        balanced /= balanced.sum(axis=1, keepdims=True)
        sums = balanced.sum(axis=0)
        if np.abs(sums - quotas).max() < 1e-6 * len(odds):
            break
        prior *= quotas / sums
    return balanced


def overlap(masks: FloatArray) -> float:
    """Mean Jaccard index of two levels' masks [H, D] (sum of minima over sum of maxima); 0 for a single level."""
    pairs = list(combinations(masks, 2))
    if not pairs:
        return 0.0
    return float(np.mean([np.minimum(a, b).sum() / np.maximum(a, b).sum() for a, b in pairs]))


def _transport(worth: FloatArray, sizes: IntArray) -> IntArray:
    """The column of each row [D], `sizes[c]` rows in column c, for the largest total of worth [D, C].

    A linear assignment to slots, as a transportation problem: its polytope has integer vertices, so the simplex method
    ends at an assignment, in memory D x C instead of D x D. The last constraint follows from the others; left in, it
    makes the method hundreds of times slower.
    """
    num_rows, num_columns = worth.shape
    once = sparse.kron(sparse.eye_array(num_rows), np.ones((1, num_columns)))
    full = sparse.kron(np.ones((1, num_rows)), sparse.eye_array(num_columns))
    solution = linprog(
        -worth.ravel(),
        A_eq=sparse.vstack([once, full]).tocsr()[:-1],
        b_eq=np.concatenate([np.ones(num_rows), sizes])[:-1],
        bounds=(0, 1),
        method="highs-ds",
        options={"dual_feasibility_tolerance": 1e-10},
    )
    assert solution.success, solution.message
    column: IntArray = solution.x.reshape(worth.shape).argmax(axis=1)
    return column


def _largest_remainders(exact: FloatArray, total: int) -> IntArray:
    """Integers that add up to `total` and lie within 1 of the exact shares; of equal remainders the last gains."""
    whole = np.floor(exact).astype(np.int64)
    remainder = np.round(exact - whole, 9)[::-1]
    gains = len(exact) - 1 - np.argsort(-remainder, kind="stable")
    whole[gains[: total - whole.sum()]] += 1
    return whole


def _one_hot(levels: IntArray, num_levels: int) -> BoolArray:
    hot: BoolArray = levels[:, None] == np.arange(num_levels)
    return hot
