"""The short training that features and confusions come from where no source of them is given; its result is cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.marks import OnDisk, marked
from hmlc_ray.config.objective import CrossEntropyConfig, SupconConfig
from hmlc_ray.config.plugins import records_of
from hmlc_ray.config.taxonomy import InducedTaxonomyConfig, digest_of
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.encoders import build_encoder
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.evaluation import evaluate
from hmlc_ray.evaluation.confusions import from_tensor
from hmlc_ray.files.atomic import staged
from hmlc_ray.files.digests import sha256_of
from hmlc_ray.home import CACHE_VARIABLE, cache_folder
from hmlc_ray.machine.user import expanded
from hmlc_ray.names.counts import many
from hmlc_ray.runs.induction.sources import Classes, dense, mean_features
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import fit
from hmlc_ray.training.seeding import kernels, seed_everything, stream_seed

VERSION = 1
"""Version of what is cached: it is part of every key."""
_OF_THE_MACHINE = {"device", "amp", "cpu_threads"}
"""Keys of `training` that change only the last digits: the first run decides these for all later ones."""
_NOT_OF_THE_SAMPLES = {"taxonomy", "keep_levels", "cache", "decode_workers", "download"}
"""Keys of `data` that change nothing in a training on the leaves. Nor do paths: what lies there has a fingerprint."""
Note = Callable[[str], None]


def leaves_alone(config: TrialConfig, given: InducedTaxonomyConfig, device: str | None = None) -> TrialConfig:
    """The configuration of the first training: the leaf level alone, its own objective, length and seed.

    Args:
        device: instead of `training.device`.
    """
    epochs = max(1, given.training.epochs)
    objective = CrossEntropyConfig(level="leaf") if given.training.objective == "cross-entropy" else SupconConfig()
    training = {"epochs": epochs, "sampler": "uniform", "sampler_level": "leaf"} | (
        {"device": device} if device else {}
    )
    return config.model_copy(
        update={
            "seed": given.seed,
            "data": _flat(config.data),
            "objective": objective,
            "training": config.training.model_copy(update=training),
            "optimiser": config.optimiser.model_copy(
                update={"warmup_epochs": min(config.optimiser.warmup_epochs, epochs)}
            ),
            "evaluation": config.evaluation.model_copy(update={"every": epochs, "chosen_regularisation": None}),
        }
    )


def _flat(data: DataConfig) -> DataConfig:
    own: Any = type(data).model_fields["taxonomy"].default
    return data.model_copy(update={"taxonomy": own, "keep_levels": ("leaf",), "train_on": "train"})


def trained_classes(config: TrialConfig, given: InducedTaxonomyConfig, data: DataSet, note: Note) -> Classes:
    """Features and confusions of the classes, by an encoder after a training on the leaves.

    Args:
        config: as `leaves_alone` gives it.
        data: of that configuration.

    Raises:
        DataError: if the cache cannot be written.
        TrainingError: see `fit`.
    """
    file = cache_folder() / f"classes-{_key(config, given, data)}.npz"
    known = _read(file, data.taxonomy.num_leaves)
    if known is not None:
        note("the tree is induced from an earlier training, which the cache holds")
        return known
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _held(FileLock(file.with_suffix(".lock")), note):
            known = _read(file, data.taxonomy.num_leaves)  # another process may have trained while this one waited
            if known is None:
                known = _train(config, given, data, note)
                with staged(file) as part, part.open("wb") as opened:
                    np.savez(opened, means=known.means, confusion=known.confusion)
    except OSError as error:
        raise DataError(
            f"what the classes' tree is made from cannot be written to {str(file.parent)!r} ({system_reason(error)}); "
            f"make room, or name another folder by {CACHE_VARIABLE}"
        ) from error
    return known


@contextmanager
def _held(lock: FileLock, note: Note) -> Iterator[None]:
    """Hold a lock; waiting for another process is said."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        note("another process trains for the same tree; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _key(config: TrialConfig, given: InducedTaxonomyConfig, data: DataSet) -> str:
    paths = {path for path, _, _ in marked(config.data, OnDisk)}
    values = config.model_dump(mode="json", exclude={"data": _NOT_OF_THE_SAMPLES | paths, "training": _OF_THE_MACHINE})
    values["plugins"] = records_of(config)
    weights = getattr(config.encoder, "weights", None)
    if weights is not None:
        values["weights"] = sha256_of(expanded(weights))
    return digest_of([VERSION, data.fingerprint, given.training.epochs, values])[:32]


def _read(file: Path, leaves: int) -> Classes | None:
    """The cached classes; None where the file is missing or damaged."""
    try:
        # Opened here, since NumPy leaves the file of a damaged archive open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            classes = Classes(arrays["means"], arrays["confusion"])
    except Exception:  # whatever a damaged archive raises; it is made again
        return None
    return classes if len(classes.means) == leaves and classes.confusion.shape == (leaves, leaves) else None


def _train(config: TrialConfig, given: InducedTaxonomyConfig, data: DataSet, note: Note) -> Classes:
    device, level = resolve_device(config.training.device), data.taxonomy.level_names[-1]
    if given.training.epochs == 0:
        note("the tree is induced from the encoder as it begins")
        with kernels(config.training, device):
            seed_everything(stream_seed(config.seed))
            encoder = build_encoder(config.encoder, data.input_shape).to(device)
            judged = evaluate(encoder, data, config, split="val", device=device, full=True)
            return Classes(mean_features(encoder, data, device), dense(judged.confusion[level]))
    epochs = config.training.epochs
    note(f"the tree is induced from a first training: {many(epochs, 'epoch')} of {config.objective.kind} at the leaves")

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        note(f"training for the induced tree: epoch {record.epoch} of {epochs}")

    result = fit(config, report)
    with kernels(config.training, device):
        means = mean_features(result.learner.encoder, data, device)
    return Classes(means, dense(from_tensor(result.checkpoint.state["confusion"]["val"][level])))
