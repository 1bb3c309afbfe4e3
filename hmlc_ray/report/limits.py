"""How much of everything a report holds, so that its file stays small enough to be sent and opened on a phone."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 6_000_000
"""Bytes that a report aims at, at most."""


@dataclass(frozen=True)
class Limits:
    """What is drawn and listed at most."""

    curves: int = 60
    """Learning curves, which are also as many questions to the store."""
    trials: int = 1_000
    """Trials in charts and in the ranked table."""
    points: int = 800
    """Samples on the map."""
    thumbnails: int = 800
    """Samples on the map that have a thumbnail."""
    hardest: int = 24
    """Samples whose leaf is most confidently wrong."""
    classes: int = 60
    """Classes of a level up to which its confusion matrix is drawn."""


STEPS = (
    Limits(),
    Limits(curves=40, trials=500, points=500, thumbnails=0),
    Limits(curves=20, trials=100, points=200, thumbnails=0, hardest=8, classes=30),
)
"""The first of these whose report has at most `LARGEST` bytes is written, else the last."""
