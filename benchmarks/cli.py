"""How long `hmlc --help` and `hmlc check` take beside importing what any such command needs, and `import hmlc_ray`.

    python benchmarks/cli.py [--runs 15]

The pairs run in turn, so that whatever else the machine does falls on both; medians of wall time and their ratios.
Bytecode is cached, as it is from the second use of an installed package on.
Goals: `hmlc --help` at most 1.5 times `import typer, rich`, `hmlc check` at most 2 times
`import pydantic, yaml, typer, rich`, and `import hmlc_ray` at most 50 ms more than Python's own start.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HMLC = [sys.executable, "-c", "from hmlc_ray.cli.main import run; run()"]
PAIRS = {
    "hmlc --help": ([*HMLC, "--help"], "import typer, rich", 1.5),
    "hmlc check digits.yaml": (
        [*HMLC, "check", str(ROOT / "search_spaces" / "digits.yaml")],
        "import pydantic, yaml, typer, rich",
        2.0,
    ),
}

IMPORT_MS = 50


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
    return time.perf_counter() - start


def measure(name: str, runs: int, environment: dict[str, str]) -> str:
    """One pair, as a line of the report."""
    command, imports, goal = PAIRS[name]
    base = [sys.executable, "-c", imports]
    seconds(command, environment), seconds(base, environment)  # compiles, and fills the disk's cache
    times = [(seconds(command, environment), seconds(base, environment)) for _ in range(runs)]
    ours, theirs = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    verdict = _verdict(ours <= goal * theirs)
    return f"{name}: {ours:.0f} ms, `{imports}`: {theirs:.0f} ms, ratio {ours / theirs:.2f} (goal {goal}, {verdict})"


def measure_import(runs: int, environment: dict[str, str]) -> str:
    """What `import hmlc_ray` takes, as a line of the report."""
    command, bare = [sys.executable, "-c", "import hmlc_ray"], [sys.executable, "-c", "pass"]
    seconds(command, environment), seconds(bare, environment)
    times = [seconds(command, environment) - seconds(bare, environment) for _ in range(runs)]
    took = 1000 * statistics.median(times)
    return (
        f"import hmlc_ray: {took:.0f} ms beside Python's own start (goal {IMPORT_MS} ms, {_verdict(took <= IMPORT_MS)})"
    )


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="of each command")
    runs = parser.parse_args().runs
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as bytecode:
        for name in PAIRS:
            print(measure(name, runs, {**environment, "PYTHONPYCACHEPREFIX": bytecode}))
        print(measure_import(runs, {**environment, "PYTHONPYCACHEPREFIX": bytecode}))


if __name__ == "__main__":
    main()
