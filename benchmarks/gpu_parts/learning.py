"""Eight epochs of G-HMLC, as a smoke of learning: on CIFAR-100 where it is given, on digits otherwise."""

from __future__ import annotations

from collections.abc import Callable

from gpu_parts.rows import Bench, Row, Values
from gpu_parts.step import VIEWS
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import fit

PART = "learning"
EPOCHS = 8


def rows(bench: Bench) -> list[Row]:
    """The rows of this part."""
    missing = None if bench.data is not None else "no --data"
    return [
        Row(PART, "g-hmlc on digits", _digits, seconds=20),
        Row(PART, "g-hmlc on CIFAR-100, ResNet-18, 8 epochs", _cifar, seconds=120, skip=missing),
    ]


def _digits(bench: Bench) -> Values:
    values = {"training": {"epochs": EPOCHS, "device": bench.device.type}, "encoder": {"kind": "convnet", "width": 16}}
    return _learn(values | {"evaluation": {"every": EPOCHS, "probe_regularisation": [0.1]}}, least=0.9)


def _cifar(bench: Bench) -> Values:
    assert bench.data is not None
    small = bench.quick
    values = {
        "data": {"kind": "image-folder", "root": str(bench.data), "level_names": ["superclass", "class"]},
        "views": VIEWS,
        "encoder": {"kind": "convnet", "width": 8} if small else {"kind": "resnet18"},
        "objective": {"kind": "g-hmlc"},
        "optimiser": {"kind": "sgd", "learning_rate": 0.2, "warmup_epochs": 1},
        "training": {"epochs": 2 if small else EPOCHS, "global_batch_size": 512, "deterministic": False},
        "evaluation": {"every": 100, "probe_regularisation": [0.01]},
    }
    return _learn(values, least=0.02)


def _learn(values: dict[str, object], *, least: float) -> Values:
    """Train; the leaf's probe must reach `least` and the loss must fall."""
    losses: list[float] = []

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        losses.append(record.metrics["train/loss"])

    config = TrialConfig.model_validate(values)
    result = fit(config, report)
    levels = result.data.taxonomy.level_names
    top1 = {level: result.metrics[f"val/probe_top1/{level}"] for level in levels}
    fell = losses[-1] < losses[0]
    return {
        "ok": fell and top1[levels[-1]] >= least,
        "loss": [losses[0], losses[-1]],
        "seconds": result.seconds,
        **top1,
    }
