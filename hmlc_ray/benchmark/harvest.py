"""From the runs of a suite's studies to lines of its results file."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hmlc_ray import __version__
from hmlc_ray.benchmark.results import SCHEMA, Line, ResultsFile
from hmlc_ray.benchmark.tasks import Task, deciding
from hmlc_ray.config.space import POINT
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.machine.cpus import usable_cpus
from hmlc_ray.names.counts import many
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.runs.digests import weights_digest
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import rows_of, trial_runs
from hmlc_ray.study.lookup import find_sweep
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun

PER_LEVEL = ("probe_top1", "probe_balanced_accuracy", "probe_macro_f1", "knn_top1", "map_at_r", "nmi", "silhouette")
OF_THE_TREE = tuple(f"tree/{name}/argmax" for name in ("full_path_accuracy", "inconsistency", "mistake_severity"))


@dataclass(frozen=True)
class Ledger:
    """Where a suite runs, and where its results are written."""

    workspace: Workspace
    tracker: Tracker
    results: ResultsFile


class Harvest:
    """Writes what the trials of studies have come to, as far as they are tasks of the suite."""

    def __init__(self, tasks: Sequence[Task], levels: dict[str, list[str]], ledger: Ledger) -> None:
        """`levels`: names of the levels by the fingerprint of the data."""
        self._levels, self._home = levels, ledger.workspace.home
        self._tracker, self._results = ledger.tracker, ledger.results
        self._tasks: dict[str, list[Task]] = {}
        for task in tasks:
            self._tasks.setdefault(_key(task.config), []).append(task)
        self._sweeps: dict[str, SweepConfig] = {}
        self._found: dict[tuple[str, int], list[Task]] = {}
        self.failed: dict[str, str] = {}

    def wants(self, sweep: SweepConfig, run_id: str | None) -> bool:
        """Whether all points of a study that have not ended are tasks that have not ended."""
        ended = set()
        if run_id is not None:
            rows = rows_of(trial_runs(self._tracker, run_id), sweep.study)
            ended = {row.number for row in rows if row.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)}
        left = [number for number in range(len(sweep.points)) if number not in ended]
        open_ = [any(self._results.of(task) is None for task in self._of(sweep, number)) for number in left]
        return all(open_)

    def __call__(self, name: str) -> None:
        """Write what a study's trials have come to, as far as it is wanted and not written yet."""
        run_id = self._tracker.find_study(name)
        if run_id is None:
            return
        if name not in self._sweeps:
            self._sweeps[name] = find_sweep(name, self._home, self._tracker)
        sweep = self._sweeps[name]
        runs = {run.run_id: run for run in trial_runs(self._tracker, run_id)}
        for row in rows_of(list(runs.values()), sweep.study):
            for task in self._of(sweep, row.number):
                self._end(task, row, runs[row.run_id])

    def _of(self, sweep: SweepConfig, number: int) -> list[Task]:
        """The tasks of a study's point, as far as they are tasks of the suite now."""
        place = sweep.study.name, number
        if place not in self._found:
            config = sweep.search_space().assemble({}, {POINT: number})
            self._found[place] = self._tasks.get(_key(config), [])
        return self._found[place]

    def _end(self, task: Task, row: TrialRow, run: TrialRun) -> None:
        if row.status == TrialStatus.FAILED:
            self.failed[str(task)] = row.error or "unknown error"
        if (
            self._results.of(task) is not None
            or not _trained_on_the_same(run, task)
            or not (row.status == TrialStatus.COMPLETED or (row.status == TrialStatus.FAILED and task.phase == "trial"))
        ):
            return
        levels = self._levels[task.fingerprint]
        self._results.add(
            Line(
                schema=SCHEMA,
                phase=task.phase,
                suite=self._results.suite,
                data=task.data,
                arm=task.arm,
                number=task.number,
                identity=task.identity,
                fingerprint=task.fingerprint,
                searched=task.searched,
                levels=levels,
                value=row.value if row.status == TrialStatus.COMPLETED else None,
                metrics=_metrics(run, levels) if task.phase == "cell" else {},
                seconds=row.seconds or 0.0,
                run_id=row.run_id,
                store=_place_of(self._tracker.uri),
                version=run.tags.get(schema.VERSION, __version__),
                commit=run.tags.get(schema.GIT_COMMIT, ""),
                finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                hardware=f"{platform.machine()}, {many(usable_cpus(), 'CPU')}",
                error=row.error or "",
            )
        )


def _trained_on_the_same(run: TrialRun, task: Task) -> bool:
    """Whether the data of a run, and the file of weights that it began with, were those of the task.

    The file may have been replaced since; runs of earlier versions do not say what it was.
    """
    began_with, now = run.tags.get(schema.WEIGHTS_DIGEST), weights_digest(task.config)
    same_weights = began_with is None or now is None or began_with == now
    return same_weights and run.tags.get(schema.DATA_FINGERPRINT) == task.fingerprint


def _key(config: TrialConfig) -> str:
    return json.dumps(deciding(config), sort_keys=True)


def _metrics(run: TrialRun, levels: Sequence[str]) -> dict[str, float]:
    names = [f"{figure}/{end}" for figure in PER_LEVEL for end in (*levels, "mean")] + list(OF_THE_TREE)
    found = {name: run.metrics.get(metric_key(f"test/{name}")) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _place_of(uri: str) -> str:
    """A store as another machine may know it; a file is known on its own machine alone."""
    return "sqlite" if uri.startswith("sqlite:") else uri
