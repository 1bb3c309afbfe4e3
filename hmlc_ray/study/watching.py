"""A study as somebody watches it, wherever it is driven: read from the MLflow store at a bounded cost per look.

Of a thousand trials a look reads the study's run, which has the counts, some runs of trials that train, the best
completed ones, and the curves of those among them that have changed since the look before.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace

from hmlc_ray.config.rungs import rungs
from hmlc_ray.config.sweep import AshaConfig, StudyConfig
from hmlc_ray.errors import HmlcError, StudyError, TrackingError
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.folder import is_saved
from hmlc_ray.study.leaderboard import rank, rows_of
from hmlc_ray.study.lookup import find_run, find_sweep, named_run
from hmlc_ray.study.resuming import resumed_by
from hmlc_ray.study.schema import REFIT, RunKind, StudyStatus, TrialStatus
from hmlc_ray.study.status import StudyOverview, being_resumed, status_of, study_of
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import TrialRun
from hmlc_ray.tracking.drivers import life
from hmlc_ray.tracking.uri import sqlite_path

MOST_RUNNING, MOST_BEST = 16, 10
"""Trials whose runs are read at each look."""
_LOSS = "train/loss"


@dataclass(frozen=True)
class WatchedTrial:
    """A trial that is shown."""

    row: TrialRow
    epochs: int
    """Epochs done, as far as its metrics show."""
    total_epochs: int | None
    rung: str
    """`2/4`: the rungs that it has reached, of those that there are; empty without a scheduler."""
    curve: tuple[float, ...]
    """The objective metric at each evaluation."""


@dataclass(frozen=True)
class WatchedStudy:
    """What one look gives."""

    overview: StudyOverview
    """The study; of a benchmark the one that runs, or ran last."""
    state: StudyStatus
    """Status of what is watched, the study or the benchmark; another one than `running` is its end."""
    trials: tuple[WatchedTrial, ...]
    """Those that train, oldest first, then the best completed ones, best first."""
    benchmark: str | None = None
    """The benchmark that the study is part of, where that is watched."""

    @property
    def hidden(self) -> dict[str, int]:
        """How many trials of each status are not among those shown."""
        counts = self.overview.counts
        if counts is None:
            return {}
        shown = [trial.row.status for trial in self.trials]
        interrupted = self.overview.interrupted
        left = counts.total - counts.done - counts.running - interrupted
        every = {"running": counts.running, "completed": counts.completed, "pruned": counts.pruned}
        every |= {"failed": counts.failed, "interrupted": interrupted, "not started": left}
        return {name: n for name, count in every.items() if (n := count - sum(one == name for one in shown)) > 0}


class StudyWatch:
    """Looks at one study, or at the studies of one benchmark; see `named_run` where a name is of both.

    `note` is a sentence in that case, else None.

    Raises:
        StudyError: if the store has neither, or the study has not started.
        TrackingError: if the store cannot be reached.
    """

    def __init__(self, name: str, workspace: Workspace) -> None:
        tracker = workspace.existing_tracker()
        if tracker is None:
            raise StudyError(f"there is no MLflow store in {workspace.store_place} yet, so there is nothing to watch")
        self._name, self._workspace, self._tracker = name, workspace, tracker
        run, self.note = named_run(name, tracker)
        is_benchmark = run is not None and run.tags.get(schema.KIND) == RunKind.BENCHMARK
        self._benchmark = run.run_id if run is not None and is_benchmark else None
        with suppress(StudyError):  # a name that no study can have, from a store that others wrote
            if is_benchmark and self.note is None and is_saved(name, workspace.home):
                self.note = f"this is the benchmark {name}; the study of that name has no run in this store"
        self._run_id = self._started(name) if run is None else run.run_id
        self._curves: dict[str, tuple[object, list[tuple[int, float]]]] = {}
        self._schedulers: dict[str, AshaConfig | None] = {}

    def _started(self, name: str) -> str:
        if self._tracker.find_study(name) is None and is_saved(name, self._workspace.home):
            raise StudyError(f"study {name!r} has not started yet: no driver has opened its run in the MLflow store")
        return find_run(name, self._tracker)

    def look(self) -> WatchedStudy:
        """Read the study as it is now.

        Raises:
            StoreAway: if the store does not answer now.
            TrackingError: if it is gone.
        """
        self._check_there()
        by = resumed_by(self._name, self._workspace.home)  # first: it drives the study soon after
        seen = self._seen()
        if by is None or seen.state == StudyStatus.RUNNING:
            return seen
        return replace(seen, state=StudyStatus.RUNNING, overview=being_resumed(seen.overview, by))

    def _seen(self) -> WatchedStudy:
        if self._benchmark is None:
            return self._look(self._tracker.run(self._run_id))
        benchmark = self._tracker.run(self._benchmark)
        state = StudyStatus.of_run(benchmark.status, life(benchmark.tags))
        studies = [run for run in self._tracker.studies() if run.tags.get(schema.PARENT) == self._benchmark]
        if not studies:
            return WatchedStudy(StudyOverview(self._name, state, None), state, (), self._name)
        newest = ([run for run in studies if run.is_open] or studies)[-1]
        seen = self._look(newest)
        if seen.state == StudyStatus.DIED and newest.tags.get(schema.DRIVER) == benchmark.tags.get(schema.DRIVER):
            state = StudyStatus.of_run(benchmark.status, "dead")  # one process drives both, and the study has its signs
        return replace(seen, state=state, benchmark=self._name)

    def _check_there(self) -> None:
        file = sqlite_path(self._workspace.store)
        if file is not None and not file.is_file():
            raise TrackingError(f"the MLflow store is gone: there is no file {str(file)!r} any more")

    def _look(self, run: TrialRun) -> WatchedStudy:
        overview, study = status_of(self._tracker, run), study_of(run)
        running = self._tracker.running_children(run.run_id, MOST_RUNNING)
        best = self._tracker.best_children(run.run_id, study.objective_metric, study.mode, MOST_BEST)
        trains = self._trials(running, study) if overview.state == StudyStatus.RUNNING else []
        ranked = sorted(self._trials(best, study), key=lambda one: _order(one, study), reverse=True)
        return WatchedStudy(overview, overview.state, (*trains, *ranked))

    def _scheduler(self, name: str) -> AshaConfig | None:
        if name not in self._schedulers:
            self._schedulers[name] = None
            with suppress(HmlcError):  # artifacts may be out of reach from here
                self._schedulers[name] = find_sweep(name, self._workspace.home, self._tracker).study.scheduler
        return self._schedulers[name]

    def _trials(self, runs: list[TrialRun], study: StudyConfig) -> list[WatchedTrial]:
        scheduler = self._scheduler(study.name)
        own = {run.trial_id: run for run in runs if not run.trial_id.startswith(REFIT)}
        rows = rows_of(list(own.values()), study)
        return [self._trial(row, own[row.trial_id], study.objective_metric, scheduler) for row in rows]

    def _trial(self, row: TrialRow, run: TrialRun, metric: str, scheduler: AshaConfig | None) -> WatchedTrial:
        history = self._history(run, metric)
        done = row.epochs or max((step for step, _ in history), default=0)
        if not done and row.status == TrialStatus.RUNNING:
            done = max((step for step, _ in self._history(run, _LOSS)), default=0)
        every, epochs = int(run.params.get("evaluation.every", 1)), run.params.get("training.epochs", "")
        total = int(epochs) if epochs.isdecimal() else None
        rung = ""
        if scheduler is not None and total is not None:
            reached = rungs(scheduler, total, every)
            rung = f"{sum(done >= epoch for epoch in reached)}/{len(reached)}"
        return WatchedTrial(row, done, total, rung, tuple(value for _, value in history))

    def _history(self, run: TrialRun, metric: str) -> list[tuple[int, float]]:
        """A metric's curve, which is read again only where the trial has logged something since."""
        key, seen = f"{run.run_id}/{metric}", run.metrics.get(metric_key(metric))
        if seen is None:
            return []
        mark = (run.status, seen, run.metrics.get(_LOSS))
        if key not in self._curves or self._curves[key][0] != mark:
            self._curves[key] = mark, self._tracker.history(run.run_id, metric)
        return self._curves[key][1]


def _order(trial: WatchedTrial, study: StudyConfig) -> tuple[float, int]:
    worst = -math.inf if study.mode == "max" else math.inf
    return rank(study.mode, worst if trial.row.value is None else trial.row.value, trial.row.number)
