"""Checkpoints of ended trials: which are kept, and the bytes that this frees."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow.fs

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import rank
from hmlc_ray.study.schema import CHECKPOINT, TrialStatus
from hmlc_ray.study.storage import Results
from hmlc_ray.study.summary import CheckpointBytes
from hmlc_ray.tracking import Tracker, TrialRun

_LOOK_S = 2.0
"""Seconds between two looks at Tune's snapshot."""
_STATE = "experiment_state-"


@dataclass(frozen=True)
class _Kept:
    """A completed trial whose run holds its checkpoint; of two the lesser goes first."""

    rank: tuple[float, int]
    run_id: str
    size: int


@dataclass(frozen=True)
class EndedTrial:
    """A trial that was completed or pruned."""

    number: int
    status: TrialStatus
    value: float
    run_id: str
    folder: str | None
    """Where it kept its checkpoints while it trained; None if it had none."""


@dataclass
class Retention:
    """Prunes the checkpoints of a study's ended trials while it runs, by `trials.checkpoints.keep`.

    A trial's run in MLflow holds its last checkpoint; its training folder holds the last two, to resume from.
    The latter are deleted once it has ended and Tune has noted that: a Tune that is restored from an older snapshot
    resumes the trial. Failed and interrupted trials keep theirs, for a retry. The best trial's checkpoint, which the
    refit needs, is among the best of any number.

    Raises:
        TrackingError: from `admits` and `ended`, as the Tracker does.
    """

    keep: str
    """`all`, `final` or `best-K`."""
    mode: str
    """Which values are better: `max` or `min`."""
    tracker: Tracker
    results: Results
    study: str
    freed: int = 0
    _best: list[_Kept] = field(default_factory=list)
    _waiting: list[tuple[float, str]] = field(default_factory=list)
    """(time of the trial's end, folder) of what is to be deleted."""
    _looked: float = 0.0

    @classmethod
    def of(cls, sweep: SweepConfig, results: Results, tracker: Tracker, parent: str) -> Retention:
        """The retention of a study as the store has it: a resumed study keeps the counts of earlier drivers."""
        study = sweep.study
        freed = int(tracker.run(parent).tags.get(schema.CHECKPOINT_BYTES_FREED, 0))
        made = cls(sweep.trials.checkpoints.keep, study.mode, tracker, results, study.name, freed)
        for run in tracker.children(parent):
            made._remember(run)
        return made

    def _remember(self, run: TrialRun) -> None:
        status, size = run.trial_status, int(run.tags.get(schema.CHECKPOINT_BYTES, 0))
        if status == TrialStatus.COMPLETED and size:
            self._best.append(
                _Kept(rank(self.mode, float(run.tags[schema.VALUE]), int(run.trial_id)), run.run_id, size)
            )
        if (
            status in (TrialStatus.COMPLETED, TrialStatus.PRUNED)
            and schema.CHECKPOINT_FOLDER in run.tags
            and self.keep != "all"
        ):
            self._waiting.append((float("inf"), self.results.followed(run.tags[schema.CHECKPOINT_FOLDER], self.study)))

    def admits(self, trial: EndedTrial) -> bool:
        """Whether an ended trial's checkpoint is worth logging."""
        if self._limit is None:
            return True
        better = sum(kept.rank > self._rank(trial) for kept in self._best)
        return trial.status == TrialStatus.COMPLETED and better < self._limit

    def ended(self, trial: EndedTrial, size: int) -> None:
        """A trial ended; its run holds `size` bytes of checkpoint."""
        if trial.status == TrialStatus.COMPLETED and size:
            self._best.append(_Kept(self._rank(trial), trial.run_id, size))
        if self._limit is not None:
            self._best.sort(key=lambda kept: kept.rank, reverse=True)
            for lesser in self._best[self._limit :]:
                self.tracker.drop_artifacts(lesser.run_id, CHECKPOINT)
                self.tracker.set_tags(lesser.run_id, {schema.CHECKPOINT_BYTES: 0})
                self.freed += lesser.size
            del self._best[self._limit :]
        if trial.folder is not None and self.keep != "all":
            self._waiting.append((time.time(), trial.folder))
        self.prune()

    def _rank(self, trial: EndedTrial) -> tuple[float, int]:
        return rank(self.mode, trial.value, trial.number)

    def prune(self) -> None:
        """Delete what no trial can need any more; cheap when there is nothing to do."""
        if not self._waiting or time.monotonic() < self._looked + _LOOK_S:
            return
        self._looked = time.monotonic()
        noted = self._last_snapshot()
        done = [folder for ended, folder in self._waiting if ended < noted]
        self._waiting = [(ended, folder) for ended, folder in self._waiting if ended >= noted]
        self._delete(done)

    def conclude(self, parent: str) -> CheckpointBytes:
        """When no trial runs any more: delete what is left to delete, and record the bytes in the study's run."""
        self._delete([folder for _, folder in self._waiting])
        self._waiting = []
        logged = sum(int(run.tags.get(schema.CHECKPOINT_BYTES, 0)) for run in self.tracker.children(parent))
        working = sum(info.size for info in self._files(self.results.path(self.study)))
        working += sum(info.size for info in self._files(self.results.path("_groups", self.study)))
        total = CheckpointBytes(held=logged + working, freed=self.freed)
        self.tracker.set_tags(
            parent, {schema.CHECKPOINT_BYTES_HELD: total.held, schema.CHECKPOINT_BYTES_FREED: total.freed}
        )
        return total

    @property
    def _limit(self) -> int | None:
        return int(self.keep.removeprefix("best-")) if self.keep.startswith("best-") else None

    def _last_snapshot(self) -> float:
        """Time of Tune's last snapshot of the trials, s since the epoch; 0 if there is none."""
        selector = pyarrow.fs.FileSelector(self.results.path(self.study), allow_not_found=True)
        with suppress(OSError):
            files = self.results.filesystem.get_file_info(selector)
            times = [_seconds(info.mtime) for info in files if info.base_name.startswith(_STATE)]
            return max(times, default=0.0)
        return 0.0

    def _delete(self, folders: Iterable[str]) -> None:
        for folder in folders:
            files = self._files(folder)
            for path in sorted({_checkpoint(info.path, folder) for info in files}):
                # What cannot be deleted costs space and nothing else: it is counted as held.
                with suppress(OSError):
                    self.results.filesystem.delete_dir(path)
                    self.freed += sum(info.size for info in files if _checkpoint(info.path, folder) == path)

    def _files(self, folder: str) -> list[pyarrow.fs.FileInfo]:
        """The files of all checkpoints below a folder."""
        selector = pyarrow.fs.FileSelector(folder, allow_not_found=True, recursive=True)
        with suppress(OSError):
            return [
                info
                for info in self.results.filesystem.get_file_info(selector)
                if info.is_file and "/checkpoint_" in info.path
            ]
        return []


def _checkpoint(file: str, folder: str) -> str:
    """The folder of the checkpoint, right below `folder`, that a file belongs to."""
    return f"{folder}/{file.removeprefix(folder).lstrip('/').partition('/')[0]}"


def _seconds(time: datetime | float) -> float:
    return time.timestamp() if isinstance(time, datetime) else float(time)
