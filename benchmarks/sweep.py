"""What a trial costs besides its training loop, in a warm process and as a nested Ray Train run.

    python benchmarks/sweep.py [--trials 8] [--nested 4]

Both run the same configurations one after another, through the same `fit`, in this one program. The overhead of a
trial is the time from the end of the trial before to its own end, minus its epochs (training and evaluation). The
first trial, which starts a process and imports torch, is not counted. Goal: a median of at most 2 s.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.run import run_sweep
from hmlc_ray.training.fit import SECONDS

GOAL_SECONDS = 2.0


class Clock:
    """The times at which trials ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def update(self, counts: SweepCounts) -> None:
        if counts.done > len(self.ends):
            self.ends.append(time.perf_counter())

    def note(self, text: str) -> None:
        pass


def overheads(name: str, trials: int, workers: int, home: Path) -> list[float]:
    """Seconds per trial after the first."""
    sweep = SweepConfig.model_validate(
        {
            "study": {"name": name, "num_trials": trials, "sampler": {"kind": "random"}},
            "trials": {"workers": workers, "max_concurrent": 1},
            "base": {"training": {"epochs": 4}, "evaluation": {"every": 1}},
            "space": {"objective.temperature": {"float": [0.05, 0.5]}},
        }
    )
    clock = Clock()
    run_sweep(sweep, Workspace.of(home), clock)
    tracker = Workspace(Home.of(home)).open_tracker()
    parent = tracker.find_study(name)
    assert parent is not None
    runs = sorted(tracker.children(parent), key=lambda run: int(run.trial_id))
    loops = [sum(value for _, value in tracker.history(run.run_id, SECONDS)) for run in runs]
    walls = [end - before for before, end in zip(clock.ends, clock.ends[1:], strict=False)]
    return [wall - loop for wall, loop in zip(walls, loops[1:], strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=8, help="in a warm process")
    parser.add_argument("--nested", type=int, default=4, help="as nested Ray Train runs")
    options = parser.parse_args()
    medians = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, trials, workers in (("warm", options.trials, 0), ("nested", options.nested, 1)):
            seconds = overheads(name, trials, workers, Path(folder))
            medians[name] = statistics.median(seconds)
            spread = f"{min(seconds):.2f} to {max(seconds):.2f} s over {len(seconds)} trials"
            print(f"{name}: median overhead {medians[name]:.2f} s per trial ({spread})")
    verdict = "met" if medians["warm"] <= GOAL_SECONDS else "MISSED"
    print(f"nested / warm: {medians['nested'] / medians['warm']:.1f}; goal {GOAL_SECONDS:g} s for warm: {verdict}")


if __name__ == "__main__":
    main()
