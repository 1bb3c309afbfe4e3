"""How long a trial takes, by one short epoch of it in this process."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.config.found import find_leaves
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import TrainingError
from hmlc_ray.machine.activity import doing
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.training.fit import SECONDS, cached_data, fit

MOST_READ = 5_000
"""Samples of a set that is read whole; of images in larger ones some are taken."""
_LEAVES, _PER_LEAF = 64, 12
"""The largest part of a set that is taken."""
_STEPS = 3
_SMALLEST_BATCH = 8
_LOOK_S = 0.5


@dataclass(frozen=True)
class Speed:
    """A short epoch of one trial."""

    batch: int
    """Samples of a step, for which the memory is large enough."""
    samples_per_second: float
    evaluation_seconds: float
    evaluated: int
    """Samples whose features were computed for the evaluation."""
    others: float = 0.0
    """CPU cores that other programs used just before."""

    def trial_seconds(self, train: int, val: int, epochs: int, evaluations: int) -> float:
        """Seconds of a trial that nothing stops early."""
        evaluation = self.evaluation_seconds * max(1.0, (train + val) / max(1, self.evaluated))
        return epochs * train / self.samples_per_second + evaluations * evaluation


def measure(config: TrialConfig) -> Speed:
    """Train an epoch of a few steps and evaluate it; with smaller batches where a GPU's memory is too small.

    Raises:
        DataError, TaxonomyError: if the data cannot be read.
        TrainingError: if it fails for another reason.
    """
    batch, others = config.training.global_batch_size, cores_in_use()
    while True:
        try:
            return replace(_speed(_short(config, batch)), others=others)
        except TrainingError as error:
            if "memory" not in str(error) or batch // 2 < _SMALLEST_BATCH:
                raise
            batch //= 2


def cores_in_use() -> float:
    """How many of the machine's CPU cores are in use, by whomever, while this process waits a moment."""
    return float(psutil.cpu_percent(_LOOK_S)) / 100 * (psutil.cpu_count() or 1)


def _short(config: TrialConfig, batch: int) -> TrialConfig:
    found = find_leaves(config.data)  # read without a sample, where that can be
    leaves = cached_data(config.data).taxonomy.num_leaves if found is None else len(found.leaf_paths)
    optimiser = config.optimiser.model_copy(update={"warmup_epochs": 1.0})
    training = config.training.model_copy(update={"epochs": 1, "global_batch_size": batch})
    data = config.data.model_copy(update={"limit_per_leaf": -(-_STEPS * batch // max(2, leaves))})
    return config.model_copy(update={"optimiser": optimiser, "training": training, "data": data})


def _speed(config: TrialConfig) -> Speed:
    metrics: dict[str, float] = {}
    cached_data(config.data)
    doing("training a short epoch")
    fit(config, lambda record, snapshot: metrics.update(record.metrics))
    data, rate = cached_data(config.data), max(metrics["train/images_per_second"], 1e-9)
    train, val = len(data.train), 0 if data.val is None else len(data.val)
    return Speed(config.training.global_batch_size, rate, max(0.0, metrics[SECONDS] - train / rate), train + val)


@contextmanager
def part_of(config: TrialConfig) -> Iterator[TrialConfig]:
    """The configuration on a part of its images, listed in a file that is deleted after the block."""
    data = config.data
    assert isinstance(data, ImageFolderConfig)
    tree, root = data.tree(), Path(data.root).expanduser().absolute()
    with scratch_folder("listed") as folder:
        listed = folder / "part.csv"
        with listed.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "leaf", *(f"above{level}" for level in range(1, tree.depth))])
            for path, files in islice(zip(tree.leaf_paths, tree.files["train"], strict=True), _LEAVES):
                writer.writerows([file.relative_to(root), *reversed(path)] for file in files[:_PER_LEAF])
        keys = ("image_size", "channels", "background", "value_range", "max_pixels", "on_bad_file")
        section: dict[str, Any] = {key: getattr(data, key) for key in keys}
        values = {
            **config.model_dump(mode="json"),
            "data": {"kind": "manifest", "file": str(listed), "root": str(root)},
        }
        values["data"] |= section
        yield validate(TrialConfig, values, "a part of the data")
