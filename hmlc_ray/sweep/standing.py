"""How a study stands while it is driven, in one tag of its run: who asks need not load the runs of all its trials."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from hmlc_ray.summary import BestSoFar, SweepCounts
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.tracking.drivers import DRIVER, identity, life

STANDING = "hmlc.standing"
"""Tag of a study's run: a `Standing` and the driver that wrote it, as JSON."""
EVERY_S = 1.0
"""Least seconds between two writes."""


@dataclass(frozen=True)
class Standing:
    """Counts of a study's trials, and the best so far."""

    counts: SweepCounts
    interrupted: int
    """Trials that an earlier driver left, and this one has not started yet."""
    best: BestSoFar | None


class StandingWriter:
    """Keeps the tag of a study up to date, at most every `EVERY_S` seconds."""

    def __init__(self, tracker: Tracker, parent: str) -> None:
        self._tracker, self._parent, self._driver = tracker, parent, identity()
        self._written: Standing | None = None
        self._next = 0.0

    def update(self, standing: Standing, *, last: bool = False) -> None:
        """Write it if it is new, and its time has come or it is the last of this driver."""
        now = time.monotonic()
        if standing == self._written or (now < self._next and not last):
            return
        tag = json.dumps({"driver": self._driver, **asdict(standing)})
        self._tracker.set_tags(self._parent, {STANDING: tag})
        self._written, self._next = standing, now + EVERY_S


def standing_of(run: TrialRun) -> Standing | None:
    """What the tag of a study's run says; None where its trials have to be asked.

    That is so if the study is not driven, if its driver is dead or has not written the tag yet, and while the run of
    the best trial waits to be created.
    """
    driver = run.tags.get(DRIVER)
    if run.status != "RUNNING" or driver is None or life(run.tags) == "dead":
        return None
    try:
        values = json.loads(run.tags[STANDING])
        best = BestSoFar(**values["best"]) if values["best"] else None
        if values["driver"] != driver or (best is not None and "/" in best.run_id):
            return None
        return Standing(SweepCounts(**values["counts"]), int(values["interrupted"]), best)
    except (ValueError, KeyError, TypeError):  # none, or not written by this package
        return None
