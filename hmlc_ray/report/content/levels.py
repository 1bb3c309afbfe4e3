"""How good the features are at each level, with what is known of the uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from hmlc_ray.benchmark.statistics import Interval, mean_interval
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.tracking import TrialRun

MEASURES = {
    "probe_top1": "linear probe",
    "knn_top1": "kNN",
    "probe_balanced_accuracy": "balanced accuracy",
    "probe_macro_f1": "macro F1",
    "map_at_r": "MAP@R",
    "nmi": "NMI",
    "silhouette": "silhouette",
}
"""Metrics per level, with their headings."""
_SEEDS = ("seed", "objective.mask_seed")
"""Parameters in which repetitions of one configuration differ."""


@dataclass(frozen=True)
class LevelResult:
    """One level on one split."""

    level: str
    split: str
    values: dict[str, float]
    """Values by the names of `MEASURES`, as far as they are defined; shares in [0, 1]."""
    samples: int | None
    """Number of samples judged; None where it is not known."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of the probe's accuracy: what other samples of the same kind could have given."""
        top1 = self.values.get("probe_top1")
        if top1 is None or not self.samples:
            return None
        right = round(top1 * self.samples)
        found = binomtest(right, self.samples).proportion_ci(method="wilson")
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class SeedResult:
    """One configuration under several seeds, on validation."""

    seeds: int
    by_level: dict[str, Interval]
    """Mean of the linear probe's accuracy over the seeds with its 95 % bootstrap interval, by level."""


def level_results(
    metrics: Mapping[str, float], levels: Sequence[str], samples: Mapping[str, int]
) -> tuple[LevelResult, ...]:
    """The levels of every split that was judged, test first.

    Args:
        metrics: of a run, by MLflow's names.
        samples: number of samples judged, by split.
    """
    found = []
    for split in ("test", "val"):
        for level in levels:
            keys = {name: metric_key(f"{split}/{name}/{level}") for name in MEASURES}
            values = {name: metrics[key] for name, key in keys.items() if key in metrics}
            if values:
                found.append(LevelResult(level, split, values, samples.get(split)))
    return tuple(found)


def levels_in(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """The levels that a run's metrics name; for runs without a checkpoint, from which the tree could be read."""
    known = [key.partition("/probe_top1/")[2] for key in metrics if "/probe_top1/" in key]
    names = [name for name in dict.fromkeys(known) if name not in ("leaf", "mean")]
    return tuple(names or [name for name in dict.fromkeys(known) if name == "leaf"])


def seed_result(best: TrialRun, runs: Sequence[TrialRun], levels: Sequence[str]) -> SeedResult | None:
    """The best configuration over its seeds; None where it ran under one alone."""
    alike = [run for run in runs if _without_seed(run) == _without_seed(best)]
    if len({run.params.get("seed") for run in alike}) < 2:
        return None
    values = {level: [run.metrics.get(metric_key(f"val/probe_top1/{level}")) for run in alike] for level in levels}
    known = {level: [value for value in own if value is not None] for level, own in values.items()}
    return SeedResult(len(alike), {level: mean_interval(own) for level, own in known.items() if own})


def _without_seed(run: TrialRun) -> dict[str, str]:
    return {name: value for name, value in run.params.items() if name not in _SEEDS}
