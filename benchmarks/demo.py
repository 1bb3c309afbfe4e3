"""The demo as a whole: wall time, and peak memory of all its processes.

    python benchmarks/demo.py

Memory is the sum of the proportional set sizes of the command and everything below it, sampled twice a second, so
pages that processes share count once. Goals on 2 cores: 3 minutes, 4 GB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
GOAL_SECONDS, GOAL_GB = 180, 4.0


def memory(process: psutil.Process) -> float:
    """Proportional set size of a process and its descendants, GB."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for member in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += member.memory_full_info().pss
    return total / 1e9


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        command = [str(Path(sys.executable).with_name("hmlc")), "sweep", "search_spaces/digits.yaml"]
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"HMLC_HOME": home}, stdout=subprocess.DEVNULL)
        watched, peak = psutil.Process(process.pid), 0.0
        while process.poll() is None:
            peak = max(peak, memory(watched))
            time.sleep(0.5)
        seconds = time.perf_counter() - start
    assert process.returncode == 0, f"the demo ended with {process.returncode}"
    verdict = "met" if seconds <= GOAL_SECONDS and peak <= GOAL_GB else "MISSED"
    print(f"demo: {seconds:.0f} s, peak {peak:.2f} GB (goals {GOAL_SECONDS} s, {GOAL_GB:g} GB: {verdict})")


if __name__ == "__main__":
    main()
