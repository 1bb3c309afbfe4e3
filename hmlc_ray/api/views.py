"""How the progress of a function is shown: not at all, as the command line does, or by a view of the caller's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hmlc_ray.study.summary import RunProgress, SweepCounts, SweepProgress

_LOG = logging.getLogger("hmlc_ray")


class Quiet:
    """Shows nothing; notes are logged, at level INFO."""

    def update(self, counts: SweepCounts) -> None:
        """See `SweepProgress`."""

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        """See `RunProgress`."""

    def note(self, text: str) -> None:
        """Log it."""
        _LOG.info("%s", text)


@contextmanager
def sweep_view(progress: bool | SweepProgress, study: str, metric: str = "") -> Iterator[SweepProgress]:
    """The view of a sweep's progress for the time of the block."""
    if progress is True:
        from hmlc_ray.api.progress import sweep_progress

        with sweep_progress(study, metric) as view:
            yield view
    else:
        yield progress or Quiet()


@contextmanager
def run_view(progress: bool | RunProgress) -> Iterator[RunProgress]:
    """The view of one run's progress for the time of the block."""
    if progress is True:
        from hmlc_ray.api.progress import run_progress

        with run_progress() as view:
            yield view
    else:
        yield progress or Quiet()
