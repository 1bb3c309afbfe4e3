"""A trainer that trains nothing: figures follow from the configuration, and it can be killed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from progress_notes import Notes

from hmlc_ray.benchmark.request import BenchmarkRequest
from hmlc_ray.benchmark.run import BenchmarkResult, run_benchmark
from hmlc_ray.config.paths import flatten
from hmlc_ray.config.space import POINT
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.suite_check import check_suite
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.home import Home
from hmlc_ray.runs.recording import run_tags
from hmlc_ray.study import schema
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.lookup import find_sweep
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import SweepCounts, SweepProgress
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.fit import cached_data

LEVELS = ("parity", "digit")


class Killed(BaseException):
    """The driver is gone: nothing is tidied up."""


class FakeSweeps:
    """`run` and `resume` as `hmlc_ray.sweep.run` has them."""

    def __init__(self) -> None:
        self.trained: list[str] = []
        """What has been trained, by its configuration without paths."""
        self.left: int | None = None
        """Trials until the driver is killed; None: it is not."""
        self.failing: set[str] = set()
        """Kinds of objectives that fail."""
        self.studies: list[str] = []

    def run(self, sweep: SweepConfig, workspace: Workspace, progress: SweepProgress) -> None:
        save_study(sweep, workspace.home)
        self._drive(sweep, workspace, progress)

    def resume(self, name: str, workspace: Workspace, progress: SweepProgress) -> None:
        self._drive(find_sweep(name, workspace.home, None), workspace, progress)

    def _drive(self, sweep: SweepConfig, workspace: Workspace, progress: SweepProgress) -> None:
        self.studies.append(sweep.study.name)
        tracker = workspace.open_tracker()
        parent = tracker.study_run(sweep.study.name, tags={}, params={})
        done = {run.trial_id for run in tracker.children(parent) if run.status == "FINISHED"}
        for number in range(len(sweep.points)):
            if str(number) in done:
                continue
            if self.left == 0:
                raise Killed
            self.left = None if self.left is None else self.left - 1
            self._train(sweep, number, tracker, parent)
            progress.update(SweepCounts(len(sweep.points), completed=number + 1))
        tracker.finish(parent, "FINISHED")

    def _train(self, sweep: SweepConfig, number: int, tracker: Any, parent: str) -> None:
        config = sweep.search_space().assemble({}, {POINT: number})
        self.trained.append(f"{sweep.study.test} {config.model_dump_json()}")
        fingerprint = cached_data(config.data).fingerprint
        name = f"{sweep.study.name}-{number}"
        run = tracker.trial_run(
            parent, str(number), name=name, params=flatten(config), tags=run_tags(config, fingerprint)
        )
        if config.objective.kind in self.failing:
            tracker.finish(run, "FAILED", {schema.ERROR: "NonFiniteLoss: the loss became nan"})
            return
        drawn = random.Random(config.model_dump_json()).random
        names = [*LEVELS, "mean"]
        if sweep.study.test == "every":
            tracker.log(run, [(1, {f"test/probe_top1/{level}": drawn() for level in names})])
        ended = {schema.STATUS: TrialStatus.COMPLETED, schema.VALUE: repr(drawn()), schema.SECONDS: "1.0"}
        tracker.finish(run, "FINISHED", ended)


def suite_of(**changes: Any) -> SuiteConfig:
    """A small suite, with other arms or seeds for instance."""
    values: dict[str, Any] = {
        "benchmark": {"name": "tiny", "baseline": "hmce", "seeds": [0, 1], "tuning": {"trials": 2}},
        "base": {"encoder": {"kind": "mlp"}, "training": {"epochs": 5}},
        "space": {"optimiser.learning_rate": {"float": [1e-3, 1e-2], "log": True}},
        "data": {"digits": {"data": {"kind": "digits"}}},
        "arms": {"hmce": {"objective": {"kind": "hmce"}}, "supcon": {"objective": {"kind": "supcon"}}},
    }
    benchmark = values["benchmark"] | changes.pop("benchmark", {})
    suite = validate(SuiteConfig, values | changes | {"benchmark": benchmark}, "suite")
    check_suite(suite)
    return suite


def run_suite(suite: SuiteConfig, home: Home, results: Path | None = None, **options: Any) -> BenchmarkResult:
    """The whole of a call."""
    return run_benchmark(BenchmarkRequest(suite, Workspace(home), results, **options), Notes())


def objectives(trained: Iterable[str]) -> set[str]:
    """Of what has been trained."""
    return {kind for kind in ("hmce", "supcon", "sum-supcon") if any(f'"kind":"{kind}"' in text for text in trained)}
