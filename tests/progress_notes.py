"""A view of a sweep's progress for tests that read what is said there."""

from __future__ import annotations

from hmlc_ray.study.summary import SweepCounts


class Notes(list[str]):
    """The notes, in their order, and the last counts."""

    counts: SweepCounts | None = None

    def update(self, counts: SweepCounts) -> None:
        self.counts = counts

    def note(self, text: str) -> None:
        self.append(text)
