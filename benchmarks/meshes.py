"""Point clouds: sampling against plain trimesh in a loop, and the time to open a cached set as large as ModelNet40.

    python benchmarks/meshes.py [--meshes FOLDER] [--copies 8] [--points 2048] [--rounds 3]

Sampling reads, repairs and samples OFF files on all cores; the other side is `trimesh.load(file).sample(points)`, one
file after the other. Without --meshes the files are made solids of 1,000 to 80,000 faces. Goals: at least 3 x the
points/s of the loop on two cores; a cached set of 12,311 clouds of 2,048 points opens in at most 1 s, in a fresh
process and without a copy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import trimesh

from hmlc_ray.config.data import ModelNetConfig
from hmlc_ray.data import load_data
from hmlc_ray.home import CACHE_VARIABLE
from hmlc_ray.meshes.files import Sampling, open_clouds, sampled
from hmlc_ray.taxonomies.named import MODELNET40_COUNTS

OPEN = """
import sys, time
import psutil
from hmlc_ray.config.data import ModelNetConfig
from hmlc_ray.data import load_data
import hmlc_ray.data.modelnet
before, start, work = psutil.Process().memory_info().rss, time.perf_counter(), time.process_time()
data = load_data(ModelNetConfig(root=sys.argv[1], num_points=int(sys.argv[2])))
seconds = time.perf_counter() - start
work = time.process_time() - work
print(seconds, work, psutil.Process().memory_info().rss - before, len(data.train) + len(data.val) + len(data.test))
"""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that also holds the cache, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hmlc-meshes-") as folder:
        os.environ[CACHE_VARIABLE] = f"{folder}/cache"
        yield Path(folder)


def made_meshes(folder: Path) -> list[Path]:
    """Tori of very different numbers of faces, as ModelNet's meshes have."""
    folder.mkdir()
    for number, sections in enumerate((20, 32, 50, 80, 120, 200)):
        trimesh.creation.torus(1, 0.4, sections, sections).export(folder / f"{number}.off")
    return sorted(folder.iterdir())


def compare_sampling(sources: list[Path], copies: int, points: int, rounds: int) -> None:
    """Points per second of a whole set, the start of processes and the writing of the cache included."""
    times: list[tuple[float, float]] = []
    with scratch() as folder:
        files = []
        for copy in range(copies):
            (folder / f"{copy}").mkdir()
            files += [Path(shutil.copy(source, folder / f"{copy}" / source.name)) for source in sources]
        for seed in range(rounds):
            start = time.perf_counter()
            open_clouds(files, folder, Sampling(points, normals=False, seed=seed), strict=True)
            middle = time.perf_counter()
            for file in files:
                trimesh.load(file).sample(points)
            times.append((middle - start, time.perf_counter() - middle))
    count = len(files) * points
    mine, other = (median(side) for side in zip(*times, strict=True))
    ratio = median(slow / fast for fast, slow in times)
    print(
        f"sampling {len(files)} meshes, {points} points each: {count / mine:,.0f} points/s, "
        f"trimesh in a loop {count / other:,.0f}: {ratio:.1f} x (goal 3)"
    )


def compare_cpu_time(sources: list[Path], points: int, rounds: int) -> None:
    """CPU time in one process, which other load on the machine hardly changes."""

    def milliseconds(run: Callable[[Path], object]) -> float:
        start = time.process_time()
        for file in sources:
            run(file)
        return (time.process_time() - start) / len(sources) * 1e3

    sampling = Sampling(points, normals=False, seed=0)
    pairs = [
        (
            milliseconds(lambda file: sampled(file, sampling)),
            milliseconds(lambda file: trimesh.load(file).sample(points)),
        )
        for _ in range(rounds + 1)
    ][1:]
    mine, other = (median(side) for side in zip(*pairs, strict=True))
    print(f"CPU time of a mesh, in one process: {mine:.0f} ms, trimesh {other:.0f} ms: {other / mine:.1f} x (goal 1.5)")


def time_opening(points: int, rounds: int) -> None:
    """`load_data` of a set with ModelNet40's numbers of files, cached before, each time in a fresh process."""
    with scratch() as folder:
        text = trimesh.creation.box().export(file_type="off")
        for name, counts in MODELNET40_COUNTS.items():
            for part, count in zip(("train", "test"), counts, strict=True):
                (folder / "set" / name / part).mkdir(parents=True)
                for number in range(count):
                    (folder / "set" / name / part / f"{name}_{number:04}.off").write_text(text)
        start = time.perf_counter()
        load_data(ModelNetConfig(root=str(folder / "set"), num_points=points))
        first = time.perf_counter() - start
        results = [opened(folder / "set", points) for _ in range(rounds)]
        size = sum(file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file())
    seconds, work, memory, clouds = (float(np.median(column)) for column in zip(*results, strict=True))
    print(
        f"opening {clouds:,.0f} clouds of {points} points ({size / 1e6:.0f} MB): {seconds:.2f} s (goal 1), "
        f"{work:.2f} s of it CPU time, {memory / 1e6:.0f} MB of memory; the first time, with sampling, {first:.0f} s"
    )


def opened(root: Path, points: int) -> tuple[float, ...]:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(root), str(points)], capture_output=True, text=True, check=True
    )
    return tuple(map(float, done.stdout.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meshes", type=Path, help="a folder with OFF files, at any depth")
    parser.add_argument("--copies", type=int, default=8, help="of each mesh")
    parser.add_argument("--points", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hmlc-meshes-") as folder:
        given = sorted(arguments.meshes.rglob("*.off")) if arguments.meshes else made_meshes(Path(folder) / "made")
        compare_cpu_time(given, arguments.points, arguments.rounds)
        compare_sampling(given, arguments.copies, arguments.points, arguments.rounds)
    time_opening(arguments.points, arguments.rounds)


if __name__ == "__main__":
    main()
