"""Progress of a study while it is driven, in one tag of its run: a reader need not load the runs of all its trials.

On the driver's own machine a file in the study's folder says the same: who asks there need not even load MLflow, whose
import takes a multiple of all else, beside trials that want the processor.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hmlc_ray.errors import TrackingError
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.study import schema
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.status_line import status_line
from hmlc_ray.study.summary import BestSoFar, SweepCounts
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.tracking.drivers import JOB_VARIABLE, identity, life

FILE = "standing.json"
"""In a study's folder, while it is driven: the same values, with the rest of what a status shows."""
STALLED_FILE = "stalled.txt"
"""In a study's folder, while it is stalled: what it waits for."""
EVERY_S = 1.0
"""Least seconds between two writes."""
_OTHER_FORM = (ValueError, KeyError, TypeError, OverflowError)
"""Errors raised by reading a file that is missing or was not written by this package."""


@dataclass(frozen=True)
class StatusSnapshot:
    """Counts of a study's trials, and the best so far."""

    counts: SweepCounts
    interrupted: int
    """Trials that an earlier driver left and this one has not started yet."""
    best: BestSoFar | None

    @classmethod
    def of(
        cls, states: Iterable[TrialStatus], *, total: int, interrupted: int, best: BestSoFar | None
    ) -> StatusSnapshot:
        """Counted from the statuses of the trials that there are, or a `Counter` of them; `total` is how many the study
        is to have."""
        number = Counter(states)
        counts = SweepCounts(
            total=total,
            running=number[TrialStatus.RUNNING],
            completed=number[TrialStatus.COMPLETED],
            pruned=number[TrialStatus.PRUNED],
            failed=number[TrialStatus.FAILED],
            best=best.value if best else None,
        )
        return cls(counts, interrupted, best)


@dataclass(frozen=True)
class DrivenStudy:
    """What the file records of a study that is driven on this machine."""

    snapshot: StatusSnapshot
    objective_metric: str
    store: str
    """The MLflow store's URI, without credentials."""


class StatusWriter:
    """Keeps the tag and the file of a study up to date, with at least `EVERY_S` seconds between two writes.

    They are for readers alone. A sweep does not fail where they cannot be written.
    """

    def __init__(self, tracker: Tracker, parent: str, folder: Path, objective_metric: str) -> None:
        self._tracker, self._parent, self._driver = tracker, parent, identity()
        self._folder, self._objective_metric = folder, objective_metric
        self._now: StatusSnapshot | None = None
        self._written: StatusSnapshot | None = None
        self._said: StatusSnapshot | None = None
        self._next = 0.0

    def update(self, snapshot: StatusSnapshot) -> None:
        """Set the study's present status; it is written at the next `flush`."""
        self._now = snapshot

    def flush(self, *, last: bool = False) -> None:
        """Write what is new if its time has come, or if it is this driver's `last`; to be called often."""
        if self._now is None or (time.monotonic() < self._next and not last):
            return
        now = self._with_known_run(self._now)
        if now == self._written:
            return
        values = {"driver": self._driver, **asdict(now)}
        try:
            values_of_file = {**values, "objective_metric": self._objective_metric, "store": self._tracker.uri}
            write_whole(self._folder / FILE, json.dumps(values_of_file))
        except OSError:  # a full disk, say: the tag has it too
            forget_driven(self._folder)
        self._say(now)
        with suppress(TrackingError):
            self._tracker.show_tags(self._parent, {schema.STANDING: json.dumps(values)})
            self._written = now
        self._next = time.monotonic() + EVERY_S

    def _say(self, now: StatusSnapshot) -> None:
        """Print it to a job's log too: that may be all that another machine can read."""
        if now == self._said or not os.environ.get(JOB_VARIABLE):
            return
        self._said = now
        with suppress(OSError, ValueError):  # stdout may be full or closed
            print(status_line({**asdict(now), "objective_metric": self._objective_metric}), flush=True)

    def _with_known_run(self, snapshot: StatusSnapshot) -> StatusSnapshot:
        """The best trial's run may have been created since, by a store that was away."""
        best = snapshot.best
        if best is None:
            return snapshot
        return replace(snapshot, best=replace(best, run_id=self._tracker.known(best.run_id)))


def status_snapshot(run: TrialRun) -> StatusSnapshot | None:
    """The status in the tag of a study's run; None where its trials have to be read.

    That is so if the study is not driven, if its driver is known to be dead or has not written the tag yet, and while
    the run of the best trial waits to be created.
    """
    driver = run.tags.get(schema.DRIVER)
    if run.status != "RUNNING" or driver is None or life(run.tags) == "dead":
        return None
    with suppress(*_OTHER_FORM):
        values = json.loads(run.tags[schema.STANDING])
        return _snapshot(values) if values["driver"] == driver else None
    return None


def driven_study(folder: Path) -> DrivenStudy | None:
    """The status in the file of a study's folder; None unless its driver lives, on this machine."""
    with suppress(OSError, *_OTHER_FORM):
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        snapshot = _snapshot(values) if life({schema.DRIVER: values["driver"]}) == "alive" else None
        return DrivenStudy(snapshot, str(values["objective_metric"]), str(values["store"])) if snapshot else None
    return None


def stalled(folder: Path) -> str | None:
    """What a study that is driven on this machine waits for; None where it is not stalled."""
    with suppress(OSError):
        return (folder / STALLED_FILE).read_text(encoding="utf-8") or None
    return None


def forget_driven(folder: Path) -> None:
    """Remove the file: the study is not driven any more."""
    with suppress(OSError):
        (folder / FILE).unlink()


def _snapshot(values: dict[str, Any]) -> StatusSnapshot | None:
    """None while the run of the best trial waits to be created."""
    best = BestSoFar(**values["best"]) if values["best"] else None
    if best is not None and "/" in best.run_id:
        return None
    return StatusSnapshot(SweepCounts(**values["counts"]), int(values["interrupted"]), best)
