"""How long the embedded Ray takes to start and to end, beside Ray's own way.

    python benchmarks/start.py [--rounds 5]

Each start is a program of its own, by turns: one connects as `hmlc sweep` does, one by `ray.init` with Ray's defaults
but for its dashboard, which is off in both. Measured are the seconds until an actor with an environment of its own has
answered, as a trial's process has one; the seconds that Ray then takes to end; and, in between, the memory of all its
processes, what they share counted once. Printed are medians, and the ratios of those.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import psutil
import ray

from hmlc_ray.sweep.cluster.connect import connected

MEGABYTE = 2**20
WAYS = ("embedded", "plain")


def main() -> None:
    """Print the medians of every way, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", choices=WAYS, help="measure one start in this process, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one)))
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--one", way]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {way: {key: median(one[key] for one in ones) for key in ones[0]} for way, ones in found.items()}
    for way, values in medians.items():
        print(f"{way}: " + ", ".join(f"{key} {value:.2f}" for key, value in values.items()))
    for key, value in medians["embedded"].items():
        print(f"{key}: {value / medians['plain'][key]:.2f} x Ray's own")


def measured(way: str) -> dict[str, float]:
    """One start and end."""
    start = time.perf_counter()
    with connected(None) if way == "embedded" else plain():
        actor = ray.remote(runtime_env={"env_vars": {"OF_THIS_ACTOR": "1"}})(_Actor).remote()
        assert ray.get(actor.answer.remote()) == "here"
        started = time.perf_counter()
        processes = psutil.Process().children(recursive=True)
        memory = sum(process.memory_full_info().pss for process in processes)
        ending = time.perf_counter()
    return {
        "start, s": started - start,
        "end, s": time.perf_counter() - ending,
        "memory, MB": memory / MEGABYTE,
        "processes": len(processes),
    }


class _Actor:
    def answer(self) -> str:
        return "here"


@contextmanager
def plain() -> Iterator[None]:
    """Ray as its documentation starts it on one machine."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
