"""Thousands of trials on a thousand nodes, simulated: what a trial costs its driver, and how full the nodes are.

    python benchmarks/scale.py [--trials 10000] [--slots 1000] [--minutes 30] [--seconds 600]

Real are the searcher with Optuna's sqlite storage, the scheduler (ASHA), and the driver's session with MLflow over
sqlite, in a temporary home folder. Simulated are the trials: each reports what the nearest configuration of
benchmarks/results/curves-digits.jsonl did, stretched so that a full training takes `--minutes`, and the clock, which
the driver's decisions advance by their own CPU time: slots wait for them. There is no Ray, so Tune's own loop, its
snapshots and the checkpoints are missing.

Printed, with the goals: the driver's CPU time per trial, the last hundred trials against the first (1.3), and where it
goes; its memory; the time that the trials fill of what the slots had until the last trial's end, and of what a driver
that decides at once would have needed (0.9).
"""

from __future__ import annotations

import argparse
import heapq
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from budget_parts.curves import RESULTS, CurveSet, read
from budget_parts.simulation import Outcome, Simulation
from budget_parts.surrogate import Surrogate

from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.prepare import base_data
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.recorder import Earlier, SessionCallback, SweepSession, activate
from hmlc_ray.sweep.tune.retention import Retention
from hmlc_ray.sweep.tune.schedulers import build_scheduler
from hmlc_ray.sweep.tune.search import StudySearch
from hmlc_ray.training.fit import cached_data

GOAL_GROWTH, GOAL_FILLED = 1.3, 0.9
METRICS = 17
"""Of an epoch, besides the searched one: as many as a trial of digits logs."""
PART = 100
"""Trials at the beginning, and at the end, that are compared."""


class Quiet:
    """A progress view that shows nothing."""

    def update(self, counts: SweepCounts) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class Clock:
    """The CPU time of each decision, by its kind, and the memory of this process after every hundredth trial."""

    def __init__(self, trials: int) -> None:
        self._trials, self._start = trials, time.perf_counter()
        self.costs: dict[str, list[float]] = defaultdict(list)
        self.memory: list[float] = []
        self.marks: list[dict[str, int]] = []
        """How many decisions of each kind there had been when so many hundred trials had ended."""

    def __call__(self, what: str, call: Callable[[], Any]) -> tuple[Any, float]:
        start = time.process_time()
        result = call()
        seconds = time.process_time() - start
        self.costs[what].append(seconds)
        if what == "complete" and len(self.costs[what]) % PART == 0:
            self._mark()
        return result, seconds

    def _mark(self) -> None:
        self.memory.append(psutil.Process().memory_info().rss / 1e6)
        self.marks.append({what: len(seconds) for what, seconds in self.costs.items()})
        ended = len(self.costs["complete"])
        if ended % (10 * PART) == 0:
            wall = time.perf_counter() - self._start
            print(f"{ended} of {self._trials} trials ended, {wall:.0f} s, {self.memory[-1]:.0f} MB", flush=True)

    def part(self, first: bool) -> dict[str, float]:
        """CPU time per trial, ms by kind: of the first hundred trials that were drawn and ended, or of the last."""
        count = min(PART, len(self.costs["complete"]) // 2)
        found = {}
        for what, seconds in self.costs.items():
            per_trial = len(seconds) / len(self.costs["complete"])
            some = max(1, round(count * per_trial))
            found[what] = 1000 * per_trial * statistics.mean(seconds[:some] if first else seconds[-some:])
        return found


class Figures:
    """The session's callback; every epoch of a result has as many metrics as a real trial's."""

    def __init__(self) -> None:
        self._session = SessionCallback()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._session.on_step_begin(iteration, trials)
        self._session.on_trial_start(iteration, trials, trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        for entry in result["history"]:
            entry["metrics"] |= {f"train/figure{i}": float(i) for i in range(METRICS)}
        self._session.on_step_begin(iteration, trials)
        self._session.on_trial_result(iteration, trials, trial, result)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._session.on_trial_complete(iteration, trials, trial)


def simulate(
    curves: CurveSet, trials: int, slots: int, minutes: float, home: Path, most_seconds: float = float("inf")
) -> tuple[Outcome, Clock]:
    """One sweep in simulated time, as far as it comes within so many seconds of wall time."""
    sweep = load_sweep(curves.facts["space"], [*curves.facts["overrides"], f"study.num_trials={trials}"])
    clock = Clock(trials)
    workspace = Workspace.of(home)
    with workspace.home.current():
        context = _context(sweep, workspace)
        parent = context.tracker.study_run(context.name, tags={}, params={})
        retention = Retention.of(sweep, context.results, context.tracker, parent)
        session = SweepSession(context, parent, retention, Earlier([]))
        activate(session)
        try:
            surrogate = Surrogate(sweep.search_space(), curves)
            simulation = Simulation(
                StudySearch(sweep.search_space(), sweep.study, TrialStorage(sweep.study, workspace.home).open()),
                build_scheduler(sweep.study.scheduler),
                surrogate,
                slots=slots,
                every=sweep.base_trial().evaluation.every,
                driver=Figures(),
                stretch=60 * minutes / surrogate.full_seconds,
                clocked=clock,
            )
            end = time.monotonic() + most_seconds
            outcome = simulation.run(goes_on=lambda: time.monotonic() < end)
            session.look_on(last=True)
        finally:
            activate(None)
    return outcome, clock


def _context(sweep: SweepConfig, workspace: Workspace) -> StudyContext:
    tracker = workspace.open_tracker(driving=sweep.study.name, note=print)
    context = StudyContext(sweep, cached_data(base_data(sweep)), workspace, tracker, Quiet())
    context.folder.mkdir(parents=True, exist_ok=True)
    return context


def at_once(outcome: Outcome, slots: int) -> float:
    """Seconds that the same trials would take where decisions take none."""
    free = [0.0] * slots
    for trial in outcome.trials:
        heapq.heapreplace(free, free[0] + trial.epochs * trial.epoch_seconds)
    return max(free)


def report(outcome: Outcome, clock: Clock, slots: int) -> None:
    trials = len(clock.costs["complete"])
    first, last = clock.part(True), clock.part(False)
    for what in first:
        print(f"  {what}: {first[what]:.1f} ms per trial in the first hundred, {last[what]:.1f} in the last")
    growth = sum(last.values()) / sum(first.values())
    print(
        f"CPU time of the driver per trial: {sum(first.values()):.1f} ms, then {sum(last.values()):.1f} ms: "
        f"{growth:.2f} x ({GOAL_GROWTH}: {verdict(growth <= GOAL_GROWTH)})"
    )
    if clock.memory:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        grown = 1000 * (clock.memory[-1] - clock.memory[0]) / max(1, trials - PART)
        print(f"memory: {clock.memory[0]:.0f} to {clock.memory[-1]:.0f} MB, {grown:.0f} kB per trial; peak {peak:.0f}")
    if outcome.seconds == 0.0 or trials < len(outcome.trials):
        print(f"stopped when {trials} of {len(outcome.trials)} drawn trials had ended")
        return
    filled, ideal = outcome.busy_seconds / (outcome.seconds * slots), at_once(outcome, slots) / outcome.seconds
    print(
        f"{trials} trials on {slots} slots in {outcome.seconds / 3600:.2f} simulated hours: the trials fill "
        f"{filled:.2f} of the slots; a driver that decides at once would take {ideal:.2f} of the time "
        f"({GOAL_FILLED}: {verdict(ideal >= GOAL_FILLED)})"
    )


def verdict(good: bool) -> str:
    return "met" if good else "MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--slots", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30.0, help="of a full training, simulated")
    parser.add_argument("--seconds", type=float, default=600.0, help="at most, of wall time; then what there is")
    parser.add_argument("--curves", type=Path, default=RESULTS / "curves-digits.jsonl")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome, clock = simulate(
            read(options.curves), options.trials, options.slots, options.minutes, Path(folder), options.seconds
        )
    report(outcome, clock, options.slots)


if __name__ == "__main__":
    main()
