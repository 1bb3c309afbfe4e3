"""Running a suite: tune every arm, train every cell that is missing, compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from hmlc_ray.benchmark.comparison import Row, compare
from hmlc_ray.benchmark.fronts import front_cells, front_names, fronts_of
from hmlc_ray.benchmark.harvest import Ledger
from hmlc_ray.benchmark.known import Known
from hmlc_ray.benchmark.report import write_fronts, write_report
from hmlc_ray.benchmark.request import REPORT, BenchmarkRequest, alone
from hmlc_ray.benchmark.results import Line, ResultsFile
from hmlc_ray.benchmark.rounds import Rounds
from hmlc_ray.benchmark.tasks import Task, cell
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.notes import warn_about
from hmlc_ray.errors import StudyError, TrackingError, error_sentence, system_reason
from hmlc_ray.machine.activity import reading_data
from hmlc_ray.machine.interrupts import hearing
from hmlc_ray.machine.scratch import nothing_left
from hmlc_ray.runs.induction import with_tree
from hmlc_ray.study.resuming import taken_over
from hmlc_ray.study.schema import DRIVER, ERROR, RunKind
from hmlc_ray.study.summary import SweepProgress
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.signals import stoppable, unbroken
from hmlc_ray.sweep.driver import SweepInterrupted
from hmlc_ray.sweep.prepare import device_here
from hmlc_ray.sweep.tune.draws import draw
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import identity
from hmlc_ray.training.fit import cached_data, check_fits


@dataclass(frozen=True)
class BenchmarkResult:
    """A suite at its end."""

    run_id: str
    """Id of the benchmark's MLflow run."""
    rows: list[Row]
    failed: dict[str, str]
    """The tasks without a result, with the reasons."""
    untuned: dict[str, str]
    """The arms of which every tuning trial failed, with the reasons: none of their cells can run."""
    report: Path
    """The folder of tables and pictures."""


def run_benchmark(request: BenchmarkRequest, progress: SweepProgress) -> BenchmarkResult:
    """Run what is missing of a suite, and compare its arms.

    Raises:
        UserError: if suite, data, store or cluster cannot be used, another process runs the suite, or results do not
            fit it any more; before anything is trained where that shows.
        SweepInterrupted: on Ctrl-C, when everything is saved.
    """
    return Benchmark(request, progress).run()


class Benchmark:
    """One suite with its results."""

    def __init__(self, request: BenchmarkRequest, progress: SweepProgress) -> None:
        self.suite, self._request, self._progress = request.suite, request, progress
        self.workspace = request.workspace
        self.results = ResultsFile(request.results_file, request.suite.benchmark.name)
        self.known = Known()
        with request.workspace.home.current(), reading_data(self._progress.note):
            self._read_data()

    def _read_data(self) -> None:
        """Every data set once; whether the arms fit it shows here."""
        for data in self.suite.data:
            for arm in self.suite.arms:
                given = self.suite.config(data, arm)
                if given.data not in self.known.made:
                    device = device_here(given, self.suite.trials.resources.gpus)
                    made = with_tree(given, self.workspace, self._progress.note, device=device).data
                    found = cached_data(made)
                    warn_about(found)
                    self.known.add(given.data, made, found)
                config = self.known.on_made_tree(given)
                check_fits(config, cached_data(config.data))

    @cached_property
    def trials(self) -> list[Task]:
        """Every tuning trial of the suite: one number after the other, of all arms."""
        suite, tasks = self.suite, []
        for data in suite.data:
            for arm in suite.arms:
                written = suite.config(data, arm)
                drawn = draw(suite.search_space(data, arm), written, suite.benchmark.tuning)
                tasks += [
                    self._trial(data, arm, number, config, searched) for number, (config, searched) in enumerate(drawn)
                ]
        return sorted(tasks, key=lambda task: task.number)

    def _trial(self, data: str, arm: str, number: int, config: TrialConfig, searched: dict[str, Any]) -> Task:
        config = self.known.on_made_tree(config)
        return Task("trial", data, arm, number, config, self.known.fingerprints[config.data], searched)

    def cells(self) -> list[Task]:
        """Every cell of arms whose choice is made, all arms of a seed before the next seed; then those of fronts."""
        suite, cells = self.suite, []
        choices = {(data, arm): self._choice(data, arm) for data in suite.data for arm in suite.arms}
        for seed in suite.benchmark.seeds:
            for (data, arm), chosen in choices.items():
                if chosen is not None:
                    cells.append(cell(suite, (data, arm, seed), chosen))
        fronts = [front_cells(suite, task, len(self.known.levels[task.fingerprint])) for task in cells]
        return cells + [task for front in fronts for task in front]

    def _choice(self, data: str, arm: str) -> Task | None:
        """The tuning trial with the best value on validation, the earlier one of equals; None while one is missing."""
        trials = [task for task in self.trials if (task.data, task.arm) == (data, arm)]
        if not trials:
            return self._trial(data, arm, 0, self.suite.config(data, arm), {})
        lines = [self.results.of(task) for task in trials]
        if None in lines:
            return None
        valued = [(line.value, -i) for i, line in enumerate(lines) if line is not None and line.value is not None]
        return trials[-max(valued)[1]] if valued else None

    def changed(self, tasks: list[Task]) -> list[Task]:
        """The tasks that have results, but under another configuration, other data or other code."""
        places = {line.place for line in self.results.lines}
        return [task for task in tasks if task.place in places and self.results.of(task) is None]

    def refuse_changed(self, tasks: list[Task]) -> None:
        """Raises StudyError: if results in the file do not fit the suite any more."""
        changed = self.changed(tasks)
        if not changed or self._request.replace:
            return
        arms = sorted({f"{task.arm!r} on {task.data}" for task in changed})
        what = "tuning trials" if changed[0].phase == "trial" else "cells"
        raise StudyError(
            f"{len(changed)} {what} in {self.results.path} do not fit the suite any more ({', '.join(arms[:5])}"
            f"{', ...' if len(arms) > 5 else ''}): configuration, data or the training code changed since; undo the "
            "change, or run them again with --replace-changed, or take another --results file"
        )

    def run(self) -> BenchmarkResult:
        """Run what is missing.

        Raises:
            StudyError: if another process runs the suite, or results do not fit it any more.
            SweepInterrupted: on Ctrl-C, when everything is saved.
        """
        workspace = self.workspace
        tracker = workspace.open_tracker()
        interrupts = hearing(self._progress.note, f"resume it with `{self._request.again}`")
        with interrupts, alone(self._request), self.results.held(), workspace.home.current():
            self._make_report_folder()
            self.refuse_changed(self.trials)
            parent = self._open_parent(tracker)
            closed = partial(_closed, tracker, parent)
            try:
                # The inner one closes the run while signals are heard, before Ray is left; the outer one has no Ray.
                with closed(), nothing_left(), connected(workspace.address), stoppable(), closed():
                    rounds = Rounds(self.suite, Ledger(workspace, tracker, self.results), self._progress)
                    rounds.total = self.left()
                    if self.suite.benchmark.tuning.trials:
                        rounds.run("trial", self.trials, self.known.levels, parent)
                    cells = self.cells()
                    self.refuse_changed(cells)
                    rounds.run("cell", cells, self.known.levels, parent)
            except KeyboardInterrupt:
                again = f"interrupted; everything is saved: resume it with `{self._request.again}`"
                raise SweepInterrupted(again) from None
            failed, untuned = self._failed(rounds, cells), self._untuned()
            rows = self._report(tracker, parent, cells)
            tracker.finish(parent, "FAILED" if failed or untuned else "FINISHED")
            return BenchmarkResult(parent, rows, failed, untuned, self._request.report)

    def _make_report_folder(self) -> None:
        try:
            self._request.report.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            where = self._request.report
            raise StudyError(f"the report cannot be written to {where}: {system_reason(error)}") from error

    def _report(self, tracker: Tracker, parent: str, cells: list[Task]) -> list[Row]:
        lines, folder = self.ended(cells), self._request.report
        rows = compare(self.suite, lines)
        try:
            write_report(self.suite, rows, lines, folder)
            write_fronts(fronts_of(self.suite, lines), folder)
        except OSError as error:
            raise StudyError(f"the report cannot be written to {folder}: {system_reason(error)}") from error
        tracker.log_artifacts(parent, folder, REPORT)
        return rows

    def _open_parent(self, tracker: Tracker) -> str:
        benchmark = self.suite.benchmark
        params = {f"benchmark.{name}": value for name, value in benchmark.model_dump(mode="json").items()}
        parent = tracker.study_run(
            benchmark.name, tags={}, params=params, kind=RunKind.BENCHMARK, experiment=benchmark.name
        )
        tracker.set_tags(parent, {DRIVER: identity()})  # of this process: the one that made the run may be dead
        tracker.reopen(parent)
        taken_over(benchmark.name, self.workspace.home)
        tracker.log_dict(parent, self.suite.model_dump(mode="json"), "suite.yaml")
        return parent

    def left(self) -> int:
        """How many runs have no result yet."""
        trials = sum(self.results.of(task) is None for task in self.trials)
        names = [name for arm in self.suite.arms for name in (arm, *front_names(self.suite, arm))]
        ended = sum(self.results.of(task) is not None for task in self.cells())
        return trials + len(names) * len(self.suite.data) * len(self.suite.benchmark.seeds) - ended

    def ended(self, cells: list[Task]) -> list[Line]:
        """The lines of the cells that have ended."""
        return [line for task in cells if (line := self.results.of(task)) is not None]

    def _failed(self, rounds: Rounds, cells: list[Task]) -> dict[str, str]:
        tasks = [*self.trials, *cells]
        return {
            str(task): rounds.failed.get(str(task), "it has not run") for task in tasks if not self.results.of(task)
        }

    def _untuned(self) -> dict[str, str]:
        untuned = {}
        for data in self.suite.data:
            for arm in self.suite.arms:
                lines = [self.results.of(task) for task in self.trials if (task.data, task.arm) == (data, arm)]
                errors = [line.error for line in lines if line is not None and line.value is None]
                if lines and len(errors) == len(lines):
                    untuned[f"{arm!r} on {data}"] = errors[0]
        return untuned


@contextmanager
def _closed(tracker: Tracker, parent: str) -> Iterator[None]:
    """End the benchmark's run with the error that ends the block."""
    try:
        yield
    except BaseException as error:
        # What ended it says more than what the store has against that, or than a signal that comes meanwhile.
        with suppress(TrackingError), unbroken():
            if isinstance(error, KeyboardInterrupt):
                tracker.finish(parent, "KILLED")
            else:
                tracker.finish(parent, "FAILED", {ERROR: error_sentence(error)})
        raise
