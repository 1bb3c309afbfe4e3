"""Two workers by DDP on one machine against one worker with two threads: the same global batch, the same updates.

    python benchmarks/ddp.py [--epochs 8] [--rounds 3] [--quick]

Runs of `hmlc train` on scikit-learn's digits with a convnet that is wide enough to keep two cores busy, in turn as one
worker with two threads and as two with a thread each, both in worker groups of an embedded Ray. Compared
are the seconds of the epochs' training without the first, as the runs record them. Goal on two cores: two workers reach
at least 0.8 of the images per second of two threads.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from hmlc_ray.home import Home
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.fit import SECONDS

GOAL, CORES = 0.8, 2
TRIAL = """
data: {{kind: digits, taxonomy: parity}}
encoder: {{kind: convnet, width: {width}, depth: 3}}
training: {{epochs: {epochs}, global_batch_size: 512}}
evaluation: {{every: {epochs}, probe_regularisation: [0.1]}}
"""


def main() -> None:
    """Print a line per run and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of two epochs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.rounds, arguments.width = 2, 1, 8
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.yaml"
        trial.write_text(TRIAL.format(epochs=arguments.epochs, width=arguments.width))
        for _ in range(arguments.rounds):
            for workers, taken in seconds.items():
                taken += epochs_of(trial, workers, Path(folder) / "home")
                print(f"{workers} workers: {median(taken):.2f} s an epoch so far", flush=True)
    ratio = median(seconds[1]) / median(seconds[2])
    print(f"two workers against two threads: {ratio:.2f} x (goal {GOAL:g}: {'met' if ratio >= GOAL else 'MISSED'})")


def epochs_of(trial: Path, workers: int, home: Path) -> list[float]:
    """Seconds of each epoch of a run but the first and the last, which is judged."""
    program = Path(sys.executable).with_name("hmlc")
    command = [str(program), "train", str(trial), "--home", str(home), "--address", "local"]
    options = ["--workers", str(workers), "-o", f"training.cpu_threads={CORES // workers}"]
    done = subprocess.run([*command, *options], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    run = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("run: "))
    place = Home.of(home)
    tracker = Tracker.connect(place.tracking_uri, artifact_root=place.artifacts)
    history = [value for _, value in tracker.history(run, SECONDS)]
    return history[1:-1] or history


if __name__ == "__main__":
    main()
