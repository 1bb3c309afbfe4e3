"""Ray itself, where it is installed: trials with a GPU each, and trials that share one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from gpu_parts.rows import Bench, Row, Values

PART = "ray"
_ROOT = Path(__file__).resolve().parents[2]
_SPACE = """
study: {{name: gpu, num_trials: {trials}, sampler: {{kind: random}}, scheduler: null, refit: null}}
trials: {{workers: {workers}, resources: {{cpus: 1, gpus: {gpus}}}}}
base:
  training: {{epochs: 3, device: cuda}}
  evaluation: {{every: 3, probe_regularisation: [0.1]}}
space:
  objective.temperature: {{float: [0.05, 0.5], log: true}}
"""


def rows(bench: Bench) -> list[Row]:
    """The rows of this part."""
    absent = [name for name in ("ray", "optuna", "mlflow", "typer") if find_spec(name) is None]
    reason = f"{', '.join(absent)} not installed" if absent else None
    if bench.device.type == "cpu":
        reason = "the trials ask for GPUs"
    return [
        Row(PART, "4 trials in worker groups, a GPU each", _sweep(4, 1, "1"), seconds=70, skip=reason),
        Row(PART, "8 trials, a quarter of a GPU each", _sweep(8, 0, "0.25"), seconds=40, skip=reason),
    ]


def _sweep(trials: int, workers: int, gpus: str) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        with tempfile.TemporaryDirectory() as folder:
            space = Path(folder) / "space.yaml"
            space.write_text(_SPACE.format(trials=trials, workers=workers, gpus=gpus), encoding="utf-8")
            program = "from hmlc_ray.cli.main import run; run()"
            command = [sys.executable, "-c", program, "sweep", str(space), "--home", f"{folder}/home"]
            # The processes of the sweep import nothing from the current folder.
            path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
            environment = {**os.environ, "PYTHONPATH": path}
            start = time.perf_counter()
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=max(1.0, bench.left()), env=environment
            )
            if done.returncode:
                raise RuntimeError(f"{done.stdout[-400:]} {done.stderr[-1200:]}".strip())
            completed = f"{trials}/{trials} trials done, {trials} completed" in done.stdout + done.stderr
            return {"ok": completed, "seconds": time.perf_counter() - start, "trials": trials}

    return measure
