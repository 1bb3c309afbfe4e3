"""What a trial costs besides its training loop: in a warm process, and with a worker group of one.

    python benchmarks/sweep.py [--trials 8] [--nested 4] [--plain 4]

All run the same configuration one trial after another, through the same loop, in this one program: as a study with
`trials.workers: 0`, as one with `trials.workers: 1`, and as Ray's user guide nests Train in Tune, which this package
did itself before. The overhead of a trial is the time from the end of the trial before to its own end, minus its epochs
(training and evaluation). CPU time is that of all of Ray's processes in the same span, the trial's epochs included:
unlike seconds it says the same beside other work. The first trial, whose process imports torch, is not counted. Goals:
a median of at most 2 s in a warm process; with a worker group at most 0.4 of Ray's own way.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import ray.train
import ray.tune
from ray.train.torch import TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.machine.environment import variables
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.run import run_sweep
from hmlc_ray.sweep.train.params import params_of
from hmlc_ray.sweep.train.worker import train_in_worker
from hmlc_ray.training.fit import SECONDS

GOAL_SECONDS, GOAL_SHARE = 2.0, 0.4
LOOK_S = 0.2
RAYS_OWN = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "2",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "1",
    "RAY_prestart_worker_first_driver": "1",
}
"""Ray's defaults of what this package chooses otherwise."""


class CpuMeter:
    """The CPU seconds of all processes below this one, those that have ended included, as far as they were seen."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, float], float] = {}
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            for process in psutil.Process().children(recursive=True):
                try:
                    times = process.cpu_times()
                    self._seen[process.pid, process.create_time()] = times.user + times.system
                except psutil.Error:
                    continue
            time.sleep(LOOK_S)

    def total(self) -> float:
        return sum(self._seen.copy().values())


@dataclass
class Clock:
    """When trials ended, and the CPU seconds until then."""

    meter: CpuMeter
    ends: list[tuple[float, float]] = field(default_factory=list)

    def end(self) -> None:
        self.ends.append((time.perf_counter(), self.meter.total()))

    def update(self, counts: SweepCounts) -> None:
        if counts.done > len(self.ends):
            self.end()

    def note(self, text: str) -> None:
        pass

    def show(self, name: str, loops: list[float]) -> float:
        """Print the overhead of the trials after the first, given the seconds of all trials' epochs; the median."""
        spans = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(self.ends, self.ends[1:], strict=False)]
        seconds = [wall - loop for (wall, _), loop in zip(spans, loops[1:], strict=True)]
        median, cpu = statistics.median(seconds), statistics.median(cpu for _, cpu in spans)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f} s over {len(seconds)} trials"
        print(f"{name}: median overhead {median:.2f} s per trial ({spread}); CPU time {cpu:.1f} s", flush=True)
        return median


def space(name: str, trials: int, workers: int) -> SweepConfig:
    return SweepConfig.model_validate(
        {
            "study": {"name": name, "num_trials": trials, "sampler": {"kind": "random"}},
            "trials": {"workers": workers, "max_concurrent": 1},
            "base": {"training": {"epochs": 4}, "evaluation": {"every": 1}},
            "space": {"objective.temperature": {"float": [0.05, 0.5]}},
        }
    )


def study(name: str, trials: int, workers: int, home: Path, meter: CpuMeter) -> float:
    """Trials of a study; the median overhead of those after the first."""
    clock = Clock(meter)
    run_sweep(space(name, trials, workers), Workspace.of(home), clock)
    tracker = Workspace(Home.of(home)).open_tracker()
    parent = tracker.find_study(name)
    assert parent is not None
    runs = sorted(tracker.children(parent), key=lambda run: int(run.trial_id))
    return clock.show(name, [sum(value for _, value in tracker.history(run.run_id, SECONDS)) for run in runs])


class Ends(ray.tune.Callback):  # type: ignore[misc]
    """The ends of Tune's trials, and the seconds of their epochs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.loops: dict[str, float] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        epochs = sum(entry["metrics"][SECONDS] for entry in result.get("history", []))
        self.loops[trial.trial_id] = self.loops.get(trial.trial_id, 0.0) + epochs

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.clock.end()


def as_ray_nests(params: dict[str, Any]) -> None:
    """A trial by Ray's user guide."""
    TorchTrainer(
        train_in_worker,
        train_loop_config=params["loop"],
        scaling_config=ray.train.ScalingConfig(num_workers=1),
        run_config=ray.train.RunConfig(
            name=ray.tune.get_context().get_trial_id(),
            storage_path=params["storage"],
            callbacks=[TuneReportCallback()],
            logging_config=ray.train.LoggingConfig(log_level="ERROR"),
        ),
    ).fit()


def plain(trials: int, folder: Path, meter: CpuMeter) -> float:
    """The same trials without this package's sweeps; the median overhead of those after the first."""
    ends = Ends(Clock(meter))
    with variables(RAYS_OWN), connected(None):
        ray.tune.Tuner(
            ray.tune.with_resources(as_ray_nests, {"cpu": 0.01}),
            param_space={"loop": params_of(space("plain", trials, 1).base_trial()), "storage": str(folder / "groups")},
            tune_config=ray.tune.TuneConfig(num_samples=trials, max_concurrent_trials=1),
            run_config=ray.tune.RunConfig(name="plain", storage_path=str(folder), callbacks=[ends], verbose=0),
        ).fit()
    return ends.clock.show("plain", list(ends.loops.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=8, help="in a warm process")
    parser.add_argument("--nested", type=int, default=4, help="with a worker group of one")
    parser.add_argument("--plain", type=int, default=4, help="as Ray's user guide nests Train in Tune")
    options = parser.parse_args()
    meter = CpuMeter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = study("warm", options.trials, 0, folder, meter)
        nested = study("nested", options.nested, 1, folder, meter)
        usual = plain(options.plain, folder / "plain", meter)
    print(f"warm: goal {GOAL_SECONDS:g} s {'met' if warm <= GOAL_SECONDS else 'MISSED'}")
    share = nested / usual
    print(f"nested / plain: {share:.2f}; goal {GOAL_SHARE:g} {'met' if share <= GOAL_SHARE else 'MISSED'}")


if __name__ == "__main__":
    main()
