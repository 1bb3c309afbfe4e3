"""Tasks as ordinary studies: listed points, which a sweep packs onto the cluster, records and resumes."""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from hmlc_ray import __version__
from hmlc_ray.benchmark.results import SCHEMA, Line, ResultsFile
from hmlc_ray.benchmark.tasks import Phase, Task, as_point, deciding
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.space import POINT
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.sweep import StudyConfig, SweepConfig, space_of_points
from hmlc_ray.home import Home
from hmlc_ray.machine.cpus import usable_cpus
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.folder import is_saved
from hmlc_ray.study.leaderboard import rows_of, trial_runs
from hmlc_ray.study.lookup import find_sweep
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import SweepCounts, SweepProgress, TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.run import resume_sweep, run_sweep
from hmlc_ray.tracking import Tracker, TrialRun

NAMES: dict[Phase, str] = {"trial": "tuning", "cell": "cells"}
MOST_POINTS = 200
"""Most tasks of one study: its listed points are kept in one YAML file of at most 1 MiB."""
PER_LEVEL = ("probe_top1", "probe_balanced_accuracy", "probe_macro_f1", "knn_top1", "map_at_r", "nmi", "silhouette")
OF_THE_TREE = (
    "tree/cpcc",
    "tree/full_path_accuracy/argmax",
    "tree/inconsistency/argmax",
    "tree/mistake_severity/argmax",
)
HARVEST_S = 15.0
"""Seconds between two checks for ended trials, while a study runs."""


class Rounds:
    """Runs tasks as studies of one benchmark, and writes what has ended into the results file.

    A study is a round: the tasks that were missing when it was made. One that was cut off is resumed, unless the suite
    has changed since; the results of its trials are kept in either case.
    """

    def __init__(
        self, suite: SuiteConfig, workspace: Workspace, tracker: Tracker, results: ResultsFile, progress: SweepProgress
    ) -> None:
        self._suite, self._workspace, self._tracker, self._results = suite, workspace, tracker, results
        self._progress, self._before, self.total = progress, SweepCounts(0), 0
        """`total`: runs of this call, for the view."""
        self.failed: dict[str, str] = {}
        """The tasks that failed in this call, with the reasons."""

    def run(self, phase: Phase, tasks: Sequence[Task], levels: dict[str, list[str]], parent: str) -> None:
        """Bring every task to its end that has none yet, by its data set.

        Args:
            levels: names of the levels by the fingerprint of the data.
            parent: the MLflow run of the benchmark.

        Raises:
            SweepInterrupted: on Ctrl-C, when everything is saved.
        """
        harvest = Harvest(tasks, levels, self._tracker, self._results)
        for name in self._studies(phase):
            self._finish(name, harvest)
        for group in _by_data(self._missing(tasks)):
            for start in range(0, len(group), MOST_POINTS):
                self._start(self._sweep(phase, group[start : start + MOST_POINTS], parent), harvest)
        self.failed |= harvest.failed

    def _missing(self, tasks: Iterable[Task]) -> list[Task]:
        """One task of each identity: arms may have the same configuration."""
        return list({task.identity: task for task in tasks if self._results.of(task) is None}.values())

    def _studies(self, phase: Phase) -> list[str]:
        """The studies that earlier calls have begun, in this home folder or in the store."""
        pattern = re.compile(rf"{re.escape(self._suite.benchmark.name)}\.{NAMES[phase]}-(\d+)")
        folder = self._workspace.home.root / "studies"
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        names |= {run.tags[schema.STUDY] for run in self._tracker.studies()}
        found = {int(match[1]): name for name in names if (match := pattern.fullmatch(name))}
        return [found[number] for number in sorted(found)]

    def _finish(self, name: str, harvest: Harvest) -> None:
        """Resume a study that was cut off; then its trials are known."""
        run_id = self._tracker.find_study(name)
        is_complete = run_id is not None and self._tracker.run(run_id).status == "FINISHED"
        if not is_complete and (is_saved(name, self._workspace.home) or run_id is not None):
            sweep = find_sweep(name, self._workspace.home, self._tracker)
            if harvest.wants(sweep, run_id):
                self._progress.note(f"resuming {name}")
                self._drive(name, harvest, lambda progress: resume_sweep(name, self._workspace, progress))
                return
            self._progress.note(f"{name} was cut off and does not fit the suite any more: it is left as it is")
        if run_id is not None:
            harvest(name)

    def _start(self, sweep: SweepConfig, harvest: Harvest) -> None:
        self._drive(sweep.study.name, harvest, lambda progress: run_sweep(sweep, self._workspace, progress))

    def _drive(self, name: str, harvest: Harvest, drive: Callable[[SweepProgress], object]) -> None:
        try:
            drive(watching := _Watching(self._show, self._progress.note, lambda: harvest(name)))
        finally:
            harvest(name)
        self._before = self._sum(watching.counts)

    def _show(self, counts: SweepCounts) -> None:
        self._progress.update(self._sum(counts))

    def _sum(self, counts: SweepCounts) -> SweepCounts:
        """The counts of a study and of those before it in this call."""
        completed, failed = (getattr(self._before, name) + getattr(counts, name) for name in ("completed", "failed"))
        total = max(self.total, self._before.done + counts.total)
        return SweepCounts(total, running=counts.running, completed=completed, failed=failed)

    def _sweep(self, phase: Phase, tasks: Sequence[Task], parent: str) -> SweepConfig:
        benchmark, number = self._suite.benchmark, 1
        taken = self._studies(phase)
        if taken:
            number += int(taken[-1].rpartition("-")[2])
        return SweepConfig(
            study=StudyConfig(
                name=f"{benchmark.name}.{NAMES[phase]}-{number}",
                num_trials=len(tasks),
                objective_metric=benchmark.objective_metric,
                test="every" if phase == "cell" else "none",
                parent_run=parent,
            ),
            trials=self._suite.trials,
            base={"data": tasks[0].config.data.model_dump(mode="json")},
            space=space_of_points(len(tasks)),
            points=tuple(as_point(task.config) for task in tasks),
        )


class _Watching:
    """Looks at what has ended every now and then, beside the view of the sweep."""

    def __init__(
        self, show: Callable[[SweepCounts], None], note: Callable[[str], None], look: Callable[[], None]
    ) -> None:
        self.counts = SweepCounts(0)
        self._show, self.note, self._look = show, note, look
        self._done, self._next = 0, 0.0

    def update(self, counts: SweepCounts) -> None:
        self.counts = counts
        self._show(counts)
        if counts.done > self._done and time.monotonic() >= self._next:
            self._done, self._next = counts.done, time.monotonic() + HARVEST_S
            self._look()


class Harvest:
    """From a study's runs to lines of the results file."""

    def __init__(
        self, tasks: Sequence[Task], levels: dict[str, list[str]], tracker: Tracker, results: ResultsFile
    ) -> None:
        self._levels, self._tracker, self._results = levels, tracker, results
        self._tasks: dict[str, list[Task]] = {}
        for task in tasks:
            self._tasks.setdefault(_key(task.config), []).append(task)
        self._sweeps: dict[str, SweepConfig] = {}
        self.failed: dict[str, str] = {}

    def wants(self, sweep: SweepConfig, run_id: str | None) -> bool:
        """Whether all points of a study that have not ended are tasks that have not ended."""
        ended = set()
        if run_id is not None:
            rows = rows_of(trial_runs(self._tracker, run_id), sweep.study)
            ended = {row.number for row in rows if row.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)}
        left = [number for number in range(len(sweep.points)) if number not in ended]
        open_ = [any(self._results.of(task) is None for task in self._of(sweep, number)) for number in left]
        return bool(left) and all(open_)

    def __call__(self, name: str) -> None:
        """Write the results of a study's trials, as far as they are wanted and not written yet."""
        run_id = self._tracker.find_study(name)
        if run_id is None:
            return
        sweep = self._sweeps.get(name)
        if sweep is None:
            sweep = self._sweeps[name] = find_sweep(name, Home.of(None), self._tracker)
        runs = {run.run_id: run for run in trial_runs(self._tracker, run_id)}
        for row in rows_of(list(runs.values()), sweep.study):
            for task in self._of(sweep, row.number):
                self._end(task, row, runs[row.run_id])

    def _of(self, sweep: SweepConfig, number: int) -> list[Task]:
        """The tasks of a study's point, as far as they are tasks of the suite now."""
        return self._tasks.get(_key(sweep.search_space().assemble({}, {POINT: number})), [])

    def _end(self, task: Task, row: TrialRow, run: TrialRun) -> None:
        if row.status == TrialStatus.FAILED:
            self.failed[str(task)] = row.error or "unknown error"
        known = self._results.of(task) is not None or run.tags.get(schema.DATA_FINGERPRINT) != task.fingerprint
        if known or not (
            row.status == TrialStatus.COMPLETED or (row.status == TrialStatus.FAILED and task.phase == "trial")
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
                store=_public_store(self._tracker.uri),
                version=run.tags.get(schema.VERSION, __version__),
                commit=run.tags.get(schema.GIT_COMMIT, ""),
                finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                hardware=f"{platform.machine()}, {usable_cpus()} CPUs",
                error=row.error or "",
            )
        )


def _key(config: Any) -> str:
    return json.dumps(deciding(config), sort_keys=True)


def _metrics(run: TrialRun, levels: Sequence[str]) -> dict[str, float]:
    names = [f"{figure}/{end}" for figure in PER_LEVEL for end in (*levels, "mean")] + list(OF_THE_TREE)
    found = {name: run.metrics.get(metric_key(f"test/{name}")) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _by_data(tasks: Iterable[Task]) -> list[list[Task]]:
    groups: dict[DataConfig, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.config.data, []).append(task)
    return list(groups.values())


def _public_store(uri: str) -> str:
    """A store as another machine may know it; a file is known on its own machine alone."""
    return "sqlite" if uri.startswith("sqlite:") else uri
