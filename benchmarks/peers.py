"""Trials per hour: a sweep over digits by this package, by a plain script of Ray Tune, and by a shell loop.

    python benchmarks/peers.py [--trials 32] [--rounds 1] [--quick]

All train as many trials to their last epoch, two at a time, one thread each; wall time from the start of the command
to its end. `hmlc` is `hmlc sweep` on `search_spaces/digits.yaml` without early stopping: with everything that it does
besides, the checkpoints, the refit, the judgement on test, the pictures. `plain` is `peer_scripts/plain_tune.py`: Ray
Tune, Optuna and MLflow's callback around `peer_scripts/plain_train.py`, a loop of torchvision, pytorch-metric-learning
and scikit-learn; `shell` is a process of that loop per trial, without any records. Goals: 5 times the plain script, 10
times the shell loop; the trials' own epochs fill at least 0.8 of the sweep's two slots, start-up and refit counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from hmlc_ray.home import Home
from hmlc_ray.study.leaderboard import trial_runs
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.fit import SECONDS

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "benchmarks" / "peer_scripts"
SLOTS = 2
GOALS = {"plain": 5.0, "shell": 10.0}


def main() -> None:
    """Print a line per round, and the medians of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="four trials of two epochs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.trials, arguments.epochs = 4, 2
    ratios: dict[str, list[float]] = {name: [] for name in GOALS}
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            filled, ours = sweep(arguments.trials, arguments.epochs, Path(folder))
            print(
                f"hmlc: {ours:.0f} s, {3600 * arguments.trials / ours:.0f} trials/h, slots filled {filled:.2f}",
                flush=True,
            )
            for name, peer in PEERS.items():
                seconds = peer(arguments.trials, arguments.epochs, Path(folder))
                ratios[name].append(seconds / ours)
                print(f"{name}: {seconds:.0f} s, {3600 * arguments.trials / seconds:.0f} trials/h", flush=True)
    for name, seen in ratios.items():
        verdict = "met" if median(seen) >= GOALS[name] else "MISSED"
        print(f"hmlc against {name}: {median(seen):.1f} x (goal {GOALS[name]:g}: {verdict})")


def sweep(trials: int, epochs: int, folder: Path) -> tuple[float, float]:
    """The share of the slots' time that the trials' own epochs fill, and the seconds of the whole command."""
    options = [f"study.num_trials={trials}", "study.scheduler=null", f"base.training.epochs={epochs}"]
    options += [f"base.evaluation.every={min(5, epochs)}"]
    command = [str(Path(sys.executable).with_name("hmlc")), "sweep", "search_spaces/digits.yaml", "--home", str(folder)]
    seconds = timed([*command, *(part for option in options for part in ("-o", option))])
    home = Home.of(folder)
    tracker = Tracker.connect(home.tracking_uri, artifact_root=home.artifacts)
    parent = tracker.find_study("digits")
    assert parent is not None
    runs = trial_runs(tracker, parent)
    assert len(runs) == trials, f"{len(runs)} runs of {trials}"
    own = sum(value for run in runs for _, value in tracker.history(run.run_id, SECONDS))
    return own / (SLOTS * seconds), seconds


def plain(trials: int, epochs: int, folder: Path) -> float:
    """Seconds of the plain script."""
    script = [sys.executable, str(SCRIPTS / "plain_tune.py"), "--trials", str(trials), "--folder", str(folder)]
    return timed([*script, "--epochs", str(epochs)])


def shell(trials: int, epochs: int, folder: Path) -> float:
    """Seconds of a process per trial, two at a time."""
    script = [sys.executable, str(SCRIPTS / "plain_train.py"), "--temperature", "0.1", "--epochs", str(epochs)]
    commands = [[*script, "--learning-rate", str(0.001 + 0.0002 * number)] for number in range(trials)]
    start = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(timed, commands))
    return time.perf_counter() - start


PEERS: dict[str, Callable[[int, int, Path], float]] = {"plain": plain, "shell": shell}


def timed(command: list[str]) -> float:
    """Seconds of a command, which must end well."""
    start = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
