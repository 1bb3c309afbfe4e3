"""Small trials at once on one device, in processes or under MPS, against one after another.

Not in threads: they share torch's generator, and while one captures a CUDA graph no other may use the GPU.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gpu_parts.rows import Bench, Row, Values
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import fit

PART = "together"
_MPS = "nvidia-cuda-mps-control"


def rows(bench: Bench) -> list[Row]:
    """The rows of this part."""
    counts = (2,) if bench.quick else (2, 4, 8, 16)
    no_mps = None if shutil.which(_MPS) and not bench.quick else f"{_MPS} is not there"
    rows = []
    for count in counts:
        rows += [
            Row(PART, f"{count} processes", _processes(count, mps=False), seconds=40),
            Row(PART, f"{count} processes, MPS", _processes(count, mps=True), seconds=40, skip=no_mps),
        ]
    return rows


def small_trial(device: str, *, quick: bool) -> TrialConfig:
    """A trial of seconds: digits and a small convnet."""
    return TrialConfig.model_validate(
        {
            "encoder": {"kind": "convnet", "width": 16},
            "training": {"epochs": 2 if quick else 11, "device": device, "cpu_threads": 1},
            "evaluation": {"every": 100, "probe_regularisation": [0.1]},
        }
    )


def train(config: TrialConfig, begin: Callable[[], None]) -> None:
    """Train a trial; `begin` is called after its first epoch, which warms up."""

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        if record.epoch == 1:
            begin()

    fit(config, report)


def _processes(count: int, *, mps: bool) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        config = small_trial(bench.device.type, quick=bench.quick)
        with _served() if mps else ExitStack() as environment:
            env = environment if isinstance(environment, dict) else {}
            alone = _wall(1, config, env)
            together = _wall(count, config, env)
        return {"seconds": together, "alone": alone, "x one after another": count * alone / together}

    return measure


def _wall(count: int, config: TrialConfig, env: dict[str, str]) -> float:
    """Seconds from when all processes are warm until the last has ended."""
    program = "import sys; sys.path[:0] = sys.argv[2:]; from gpu_parts.together import child; child(sys.argv[1])"
    command = [sys.executable, "-c", program, json.dumps(config.model_dump(mode="json")), *sys.path[:2]]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | env)
        for _ in range(count)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline().strip() != "warm":
                raise RuntimeError("a trial did not start")
        start = time.perf_counter()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        if any(child.wait() for child in children):
            raise RuntimeError("a trial failed")
        return time.perf_counter() - start
    finally:
        for child in children:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                assert stream is not None
                stream.close()


def child(config: str) -> None:
    """A process of `_wall`."""

    def begin() -> None:
        print("warm", flush=True)
        sys.stdin.readline()

    train(TrialConfig.model_validate_json(config), begin)
    sys.stdout.flush()
    os._exit(0)  # what a process takes to end is not part of a trial


@contextmanager
def _served() -> Iterator[dict[str, str]]:
    """An MPS server of this program's own."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"CUDA_MPS_PIPE_DIRECTORY": f"{folder}/pipe", "CUDA_MPS_LOG_DIRECTORY": f"{folder}/log"}
        for place in env.values():
            Path(place).mkdir()
        subprocess.run([_MPS, "-d"], env=os.environ | env, check=True, timeout=30)
        try:
            yield env
        finally:
            subprocess.run([_MPS], input="quit\n", text=True, env=os.environ | env, check=False, timeout=30)
