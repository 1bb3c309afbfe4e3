"""The runs of a suite that are left and their cost, estimated from one epoch of each arm."""

from __future__ import annotations

from dataclasses import dataclass

from hmlc_ray.benchmark.fronts import front_names
from hmlc_ray.benchmark.run import Benchmark
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.machine.cpus import usable_cpus
from hmlc_ray.sweep.prepare import device_here
from hmlc_ray.training.fit import SECONDS, cached_data, fit


@dataclass(frozen=True)
class PlanRow:
    """One arm on one data set."""

    data: str
    arm: str
    trials: int
    trials_left: int
    cells: int
    cells_left: int
    seconds: float
    """Seconds of one run."""

    @property
    def left_seconds(self) -> float:
        return self.seconds * (self.trials_left + self.cells_left)


@dataclass(frozen=True)
class Plan:
    """A suite before it runs."""

    rows: list[PlanRow]
    at_once: int
    """Runs that this machine holds at once."""


def plan(benchmark: Benchmark) -> Plan:
    """Count what is left, and train one epoch of each arm that has something left, in this process."""
    suite, known = benchmark.suite, {line.place: line for line in benchmark.results.lines}
    tasks, rows = benchmark.trials, []
    ended = {task.place for task in benchmark.cells() if benchmark.results.of(task)}
    for data in suite.data:
        for arm in suite.arms:
            own = [task for task in tasks if (task.data, task.arm) == (data, arm)]
            left = [task for task in own if not benchmark.results.of(task)]
            names = (arm, *front_names(suite, arm))
            places = [("cell", data, name, seed) for seed in suite.benchmark.seeds for name in names]
            cells_left = sum(place not in ended for place in places)
            measured = [line.seconds for place, line in known.items() if place[1:3] == (data, arm) and line.seconds]
            seconds = sum(measured) / len(measured) if measured else 0.0
            if not measured and (left or cells_left):
                config = benchmark.known.on_made_tree(suite.config(data, arm))
                with benchmark.workspace.home.current():
                    seconds = _seconds(config, device_here(config, suite.trials.resources.gpus))
            rows.append(PlanRow(data, arm, len(own), len(left), len(places), cells_left, seconds))
    return Plan(rows, _at_once(suite))


def _seconds(config: TrialConfig, device: str) -> float:
    """Seconds of a whole run: its epochs and its evaluations, of which the last covers both splits."""
    optimiser = config.optimiser.model_copy(update={"warmup_epochs": min(1.0, config.optimiser.warmup_epochs)})
    short = config.training.model_copy(update={"epochs": 1, "device": device})
    one = config.model_copy(update={"optimiser": optimiser, "training": short})
    metrics: dict[str, float] = {}
    fit(one, lambda record, snapshot: metrics.update(record.metrics))
    samples = len(cached_data(config.data).train)
    epoch = min(metrics[SECONDS], samples / max(metrics["train/images_per_second"], 1e-9))
    evaluations = -(-config.training.epochs // config.evaluation.every) + 1
    return epoch * config.training.epochs + (metrics[SECONDS] - epoch) * evaluations


def _at_once(suite: SuiteConfig) -> int:
    workers = max(1, suite.trials.worker_range[0])
    fits = int(usable_cpus() / (suite.trials.resources.cpus * workers))
    return max(1, min(fits, suite.trials.max_concurrent or fits))
