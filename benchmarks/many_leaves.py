"""What many leaves cost: memory, checkpoint, epoch and judging, with made features and a small network.

    python benchmarks/many_leaves.py                     # 3 levels, 10,000 leaves
    python benchmarks/many_leaves.py --leaves 100        # the same samples under few leaves, to compare
    python benchmarks/many_leaves.py --objective g-hmlc

Levels have C / 100, C / 10 and C classes. The last figures are of the whole process, data and torch included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.evaluation import evaluate
from hmlc_ray.evaluation.confusion_files import write_confusion
from hmlc_ray.evaluation.confusions import to_tensor
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint, save_checkpoint
from hmlc_ray.training.learner import build_learner

SHAPE = (1, 16, 16)
T = TypeVar("T")


def main() -> None:
    """Print the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaves", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=20_000, help="to train on; a quarter each to validate and judge")
    parser.add_argument("--objective", default="sum-supcon")
    parser.add_argument("--probe-iterations", type=int, default=20)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data = make_data(arguments.leaves, arguments.samples)
    config = TrialConfig.model_validate(
        {
            "encoder": {"kind": "mlp", "hidden_dim": 128, "feature_dim": 64},
            "objective": {"kind": arguments.objective},
            "evaluation": {"probe_regularisation": [0.1], "probe_max_iter": arguments.probe_iterations},
        }
    )
    learner = build_learner(config, data)
    print(f"{arguments.leaves} leaves, {arguments.samples} samples, {arguments.objective}; before: {peak():.0f} MB")
    timed("an epoch of the objective, forward and backward", lambda: epoch(learner, data))
    judge = {"split": "test", "device": torch.device("cpu")}
    result = timed("judging in full", lambda: evaluate(learner.encoder, data, config, **judge, full=True))
    with tempfile.TemporaryDirectory() as folder:
        matrices = {level: to_tensor(matrix) for level, matrix in result.confusion.items()}
        state = {"learner": learner.state_dict(), "confusion": {"test": matrices}}
        checkpoint = Checkpoint(config, data.taxonomy, 1, result.metrics, None, SHAPE, "f", state)
        timed("writing a checkpoint", lambda: save_checkpoint(Path(folder) / "c", checkpoint))
        print(f"checkpoint: {size(Path(folder) / 'c'):.1f} MB")
        (Path(folder) / "confusion").mkdir()
        timed(
            "tables and pictures",
            lambda: write_confusion(data.taxonomy, {"test": result.confusion}, Path(folder) / "confusion"),
        )
        print(f"tables and pictures: {size(Path(folder) / 'confusion'):.1f} MB")


def make_data(leaves: int, samples: int) -> DataSet:
    paths = [(f"a{leaf // 100}", f"b{leaf // 10}", f"c{leaf}") for leaf in range(leaves)]
    pattern = torch.randint(40, 215, (leaves, *SHAPE))

    def split(count: int) -> Split:
        leaf = torch.randint(0, leaves, (count,))
        noise = 40 * torch.randn(count, *SHAPE)
        return Split((pattern[leaf] + noise).clamp(0, 255).to(torch.uint8), leaf)

    taxonomy = Taxonomy.from_paths(("coarse", "middle", "leaf"), paths)
    return DataSet(taxonomy, split(samples), split(samples // 4), split(samples // 4), "f")


def epoch(learner: torch.nn.Module, data: DataSet) -> None:
    order = np.random.default_rng(0).permutation(len(data.train))
    for start in range(0, len(order) - 511, 512):
        rows = torch.from_numpy(order[start : start + 512])
        inputs = data.train.inputs[rows].float() / 127.5 - 1  # type: ignore[index]
        views = torch.stack([inputs, inputs + 0.1 * torch.randn_like(inputs)])
        learner.zero_grad()
        learner(views, data.train.leaf[rows], rows).total.backward()


def timed(what: str, call: Callable[[], T]) -> T:
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    elapsed, used = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what}: {elapsed:.1f} s, {used:.1f} s of CPU; peak of the process so far {peak():.0f} MB", flush=True)
    return result


def size(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
