"""Samples of the judged split: a map of them, and those that the probes get most confidently wrong."""

from __future__ import annotations

from dataclasses import dataclass

MOST_JUDGED, MOST_LEARNT = 5_000, 5_000
"""Samples that are encoded: of the split, and of the training split for the probes."""


@dataclass(frozen=True)
class Sample:
    """One sample."""

    name: str
    """The path of its file, else its number in the split."""
    true: tuple[str, ...]
    """Its classes, coarsest first."""
    predicted: tuple[str, ...]
    """What the probe of each level says; empty where no probe was fitted."""
    confidence: float
    """Probability that the leaf level's probe gives what it says."""
    thumbnail: str | None
    """A `data:` URI; None of rows of features, and where there is no room for more."""


Table = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Dimensions:
    """How many dimensions of the features are used, and what the masks' dimensions know."""

    effective_rank: float
    """Effective rank of the judged features (Roy and Vetterli 2007); NaN where all are equal."""
    total: int
    """F."""
    inside: Table = ()
    """Accuracy of probes on the dimensions that a mask selects: rows are levels of masks, columns the levels that are
    probed. Empty where they were not fitted; NaN for a mask that selects nothing."""
    outside: Table = ()
    """The same on the dimensions that a mask does not select."""
    majority: tuple[float, ...] = ()
    """Share of the most frequent class, per level: what a probe reaches that knows nothing."""


@dataclass(frozen=True)
class Samples:
    """What was encoded."""

    split: str
    levels: tuple[str, ...]
    judged: int
    """Samples of the split that were encoded."""
    points: tuple[tuple[float, float], ...]
    """Where the samples of `mapped` are on the map."""
    mapped: tuple[Sample, ...]
    method: str
    hardest: tuple[Sample, ...]
    """Samples whose leaf is wrong, the most confident first."""
    wrong: int | None
    """How many leaves are wrong; None where no probe was fitted, because there are too many leaves."""
    dimensions: Dimensions | None = None
