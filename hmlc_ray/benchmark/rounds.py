"""Tasks as ordinary studies: listed points, which a sweep packs onto the cluster, records and resumes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence

from hmlc_ray.benchmark.harvest import Harvest, Ledger
from hmlc_ray.benchmark.tasks import Phase, Task, as_point
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.sweep import StudyConfig, SweepConfig, space_of_points
from hmlc_ray.study import schema
from hmlc_ray.study.folder import is_saved
from hmlc_ray.study.lookup import find_sweep
from hmlc_ray.study.summary import SweepCounts, SweepProgress
from hmlc_ray.sweep.run import resume_sweep, run_sweep

NAMES: dict[Phase, str] = {"trial": "tuning", "cell": "cells"}
MOST_POINTS = 200
"""Most tasks of one study: its listed points are kept in one YAML file."""
HARVEST_S = 15.0
"""Seconds between two checks for ended trials, while a study runs."""


class Rounds:
    """Runs tasks as studies of one benchmark, and writes what has ended into the results file.

    A study is a round: the tasks that were missing when it was made. One that was cut off is resumed, unless the suite
    has changed since; the results of its trials are kept in either case.
    """

    def __init__(self, suite: SuiteConfig, ledger: Ledger, progress: SweepProgress) -> None:
        self._suite, self._ledger = suite, ledger
        self._workspace, self._tracker, self._results = ledger.workspace, ledger.tracker, ledger.results
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
        harvest = Harvest(tasks, levels, self._ledger)
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


def _by_data(tasks: Iterable[Task]) -> list[list[Task]]:
    groups: dict[DataConfig, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.config.data, []).append(task)
    return list(groups.values())
