"""Which objective is better on CIFAR-100: ResNet-18 in bf16, as many epochs as time allows, the same for every arm.

One row per arm and seed, all arms of a seed before the next seed. Each trains on the training split without what is
held out for validation; linear probes and kNN then learn from the frozen features of the same samples, the probes'
regularisation is chosen on validation, and the test split is judged once.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from gpu_parts.rows import Bench, Row, Values, data_of
from gpu_parts.step import VIEWS
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.splits import select, stratified_subset
from hmlc_ray.evaluation import evaluate
from hmlc_ray.evaluation.probe import fit_probes
from hmlc_ray.training import fit as loop
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import FitResult, fit

PART = "evidence"
ARMS: dict[str, dict[str, Any]] = {
    "sum-supcon": {"kind": "sum-supcon"},
    "g-hmlc random partition": {"kind": "g-hmlc", "mask": "random", "nesting": "partition"},
    "hmce code": {"kind": "hmce", "variant": "code"},
    "g-hmlc mixture": {"kind": "g-hmlc", "mask": "mixture", "nesting": "partition"},
    "supcon leaf": {"kind": "supcon", "level": "leaf"},
    "a-hmlc": {"kind": "a-hmlc"},
}
"""The comparison that matters most comes first, should time run out; all else is as the configuration has it."""
SEEDS = 5
SECONDS = 330
"""Of the arms of one seed, and what finds out the number of epochs."""
MARGIN = 1.06
"""What an epoch takes beside its steps, and what steps take when the GPU is warm."""
SHARE = 0.93
"""Of the time that is left, where that is less: so that the last arm is begun."""
FEW = 10
"""Steps of an epoch that only shows how fast an arm is."""
PACE = "epochs that fit"


def rows(bench: Bench) -> Iterator[Row]:
    """The rows of this part; those of the arms follow from the pace, so it is measured before they are known."""
    yield Row(PART, "the probe against scikit-learn", _probe, seconds=5)
    if bench.data is None:
        yield Row(PART, "CIFAR-100, every arm", _pace, skip="no --data")
        return
    if bench.epochs is None:
        yield Row(PART, PACE, _pace, seconds=40)
    pace = bench.measured.get((PART, PACE), {})
    epochs = bench.epochs or pace.get("epochs")
    if epochs is None:
        return
    for seed in range(1 if bench.quick else SEEDS):
        for arm in ARMS:
            seconds = epochs * pace[arm] + pace["judging"] if arm in pace else SECONDS / len(ARMS)
            yield Row(PART, f"{arm}, seed {seed}, {epochs} epochs", _arm(arm, seed, epochs), seconds=seconds)


def _config(arm: str, seed: int, epochs: int, bench: Bench) -> TrialConfig:
    quick = bench.quick
    objective = ARMS[arm] | ({"mask_seed": seed} if "mask" in ARMS[arm] else {})
    return TrialConfig.model_validate(
        {
            "seed": seed,
            "data": {
                "kind": "image-folder",
                "root": str(bench.data),
                "level_names": ["superclass", "class"],
                "validation_fraction": 0.1,
            },
            "views": VIEWS,
            "encoder": {"kind": "convnet", "width": 8} if quick else {"kind": "resnet18"},
            "head": {"hidden_dim": 512, "embedding_dim": 128},
            "objective": objective,
            "optimiser": {"kind": "sgd", "learning_rate": 0.2, "warmup_epochs": min(1, epochs / 2)},
            "training": {
                "epochs": epochs,
                "global_batch_size": 32 if quick else 512,
                "device": bench.device.type,
                "amp": "bf16",
                "deterministic": False,
            },
            "evaluation": {
                "probe_regularisation": [0.1] if quick else [3e-5, 3e-4, 3e-3, 3e-2],
                "probe_max_iter": 20 if quick else 300,
            },
        }
    )


def _data(config: TrialConfig, bench: Bench) -> DataSet:
    """Read once, however many arms there are; in small on a CPU."""
    data = loop.cached_data(config.data)
    return _cut(data, 400) if bench.quick else data


def _cut(data: DataSet, size: int) -> DataSet:
    splits = {
        name: select(split, stratified_subset(split.leaf.numpy(), size, (0,)))
        for name in ("train", "val", "test")
        if (split := getattr(data, name)) is not None
    }
    return replace(data, **splits)


def _trained(config: TrialConfig, data: DataSet, bench: Bench) -> tuple[FitResult, list[EpochRecord]]:
    """Trained on the training split; without a validation split nothing is judged on the way."""
    records: list[EpochRecord] = []

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        records.append(record)

    with data_of(replace(data, val=None)):
        result = fit(config, report)
    bench.synchronise()
    return result, records


def _judged(result: FitResult, data: DataSet, config: TrialConfig, bench: Bench) -> Values:
    start = time.perf_counter()
    found = evaluate(result.learner.encoder, data, config, split="test", device=bench.device)
    names = [*data.taxonomy.level_names, "mean"]
    top1 = {f"{kind} {name}": found.metrics[f"test/{kind}_top1/{name}"] for kind in ("probe", "knn") for name in names}
    return top1 | {"regularisation": found.chosen_regularisation, "judging": time.perf_counter() - start}


def _rate(records: list[EpochRecord]) -> float:
    """Images per second of the median epoch but the first."""
    return statistics.median(record.metrics["train/images_per_second"] for record in records[1:] or records)


def _arm(arm: str, seed: int, epochs: int) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        config = _config(arm, seed, epochs, bench)
        data = _data(config, bench)
        result, records = _trained(config, data, bench)
        judged = _judged(result, data, config, bench)
        losses = [record.metrics["train/loss"] for record in records]
        learned = bench.quick or (losses[-1] < losses[0] and judged[f"probe {data.taxonomy.level_names[-1]}"] > 0.05)
        return judged | {
            "ok": learned and all(map(math.isfinite, losses)),
            "epochs": epochs,
            "seed": seed,
            "images/s": _rate(records),
            "training": result.seconds,
            "loss": losses,
            "config": _digest(config),
            "data": data.fingerprint[:12],
            **_masks(records),
        }

    return measure


def _masks(records: list[EpochRecord]) -> Values:
    """What was last said of masks, where the arm has some."""
    return {name: value for record in records for name, value in record.metrics.items() if name.startswith("mask/")}


def _digest(config: TrialConfig) -> str:
    """Of everything but where the data lies."""
    values = config.model_dump(mode="json")
    values["data"].pop("root")
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _pace(bench: Bench) -> Values:
    """Seconds of every arm's epoch, from a few steps; of judging; and the epochs for which that leaves time."""
    start = time.monotonic()
    short = {arm: _config(arm, 0, 2, bench) for arm in ARMS}
    data = _data(next(iter(short.values())), bench)
    loading = time.monotonic() - start
    few = _cut(data, (2 if bench.quick else FEW) * short["a-hmlc"].training.global_batch_size)
    seconds = {}
    for arm, config in short.items():
        result, records = _trained(config, few, bench)
        seconds[arm] = MARGIN * len(data.train) / _rate(records)
    judging = _judged(result, data, config, bench)["judging"]
    left = min(SECONDS - (time.monotonic() - start), SHARE * bench.left()) - len(ARMS) * judging
    epochs = 1 if bench.quick else max(1, int(left / sum(seconds.values())))
    return {"epochs": epochs, **seconds, "judging": judging, "loading": loading}


def _probe(bench: Bench) -> Values:
    """Made features, of which classes overlap: the optimum must be scikit-learn's."""
    samples, classes, width, strength = (400, 5, 8, 0.1) if bench.quick else (10_000, 100, 256, 1e-3)
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, samples)
    features = random.normal(size=(classes, width))[labels] * 4 / math.sqrt(width) + random.normal(
        size=(samples, width)
    )
    start = time.perf_counter()
    (own,) = fit_probes(features, labels, classes, (strength,), 300, bench.device)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    usual = LogisticRegression(C=strength, max_iter=300).fit(features, labels)
    usual_seconds = time.perf_counter() - start
    apart = float(np.abs(own.probabilities(features) - usual.predict_proba(features)).max())
    return {"ok": apart < 0.01, "apart": apart, "ms": seconds * 1e3, "x scikit-learn": seconds / usual_seconds}
