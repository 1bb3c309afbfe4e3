"""benchmarks/start.py: both ways start, answer and end, and the embedded Ray is the smaller one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "start.py"


@pytest.mark.slow
def test_the_embedded_ray_has_fewer_processes_and_less_memory_than_rays_own() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--rounds", "1"], capture_output=True, text=True, timeout=280, check=True
    )
    *_, memory, processes = done.stdout.splitlines()
    assert memory.startswith("memory, MB: ")
    assert processes.startswith("processes: ")
    assert all(0 < float(line.split(": ")[1].split()[0]) < 1 for line in (memory, processes))
