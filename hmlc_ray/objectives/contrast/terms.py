"""What the levels' contrasts are made of, besides vectors and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Prototypes:
    """Further columns of one level's denominator; they are neither anchors nor positives, and get no gradient."""

    vectors: Tensor
    """float [C, D_h], unit rows in the level's space."""
    weights: Tensor
    """omega, float [C]; 0 leaves a column out."""


@dataclass(frozen=True)
class ColumnWeights:
    """omega: what each column of the denominators weighs."""

    batch: Tensor
    """float [n, H], not negative, for the batch's rows; 0 leaves a column out."""
    prototypes: Sequence[Prototypes] | None = None
    """Further columns per level; None: none."""


@dataclass(frozen=True)
class LevelTerms:
    """Temperatures, weights, and how much memory may be used."""

    temperatures: Sequence[float]
    """tau per level."""
    weights: Tensor
    """w, float [H]."""
    anchor_weights: Tensor | None = None
    """alpha, float [n, H], positive, the same for all rows of a class; None: ones."""
    columns: ColumnWeights | None = None
    """omega, with further columns; None: ones, and none."""
    chunk: int | None = None
    """Rows per block; the memory for similarities is then linear in n. None: chosen for speed."""
    choose: Callable[[Tensor], Tensor] | None = None
    """The factors of the levels' losses in the total, [H], from these losses, [H]; None: w_h / sum w."""

    def factors(self, losses: Tensor) -> Tensor:
        """What each level's loss is multiplied by in the total, float [H]."""
        if self.choose is not None:
            return self.choose(losses)
        weights = self.weights.to(losses)
        return weights / weights.sum()
