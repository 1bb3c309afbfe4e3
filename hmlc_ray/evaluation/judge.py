"""The protocol: what is encoded, what the probes learn from, what they are chosen and judged on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from hmlc_ray.arrays import FloatArray
from hmlc_ray.config.training import EvaluationConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import select, stratified_subset
from hmlc_ray.errors import ConfigError, TrainingError
from hmlc_ray.evaluation import figures
from hmlc_ray.evaluation.confusions import Matrix
from hmlc_ray.evaluation.decoding import DECODINGS
from hmlc_ray.evaluation.embed import Features, embed
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.evaluation.hit_curve import hit_curve_areas
from hmlc_ray.evaluation.open_set import Samples, open_set_metrics
from hmlc_ray.evaluation.predictions import predict
from hmlc_ray.evaluation.principal_axes import TrainingRows
from hmlc_ray.evaluation.probe import Probe, choose_probe, fit_probes
from hmlc_ray.machine.activity import doing, step
from hmlc_ray.taxonomy import Taxonomy

_LOG = logging.getLogger(__name__)
Standardise = Callable[[Features], FloatArray]


@dataclass(frozen=True)
class Evaluation:
    """What an encoder is worth on one split."""

    metrics: dict[str, float]
    """`<split>/<metric>/<level name>`, with `leaf` for the finest level and `mean` over levels; shares in [0, 1].
    Metrics that are undefined on these data are left out, so no value is NaN."""
    chosen_regularisation: tuple[float, ...]
    """C per level, coarsest first."""
    confusion: dict[str, Matrix]
    """Confusion matrix by level name; empty unless `full`."""


@dataclass(frozen=True)
class FrozenSplits:
    """What the evaluation of a split reads, encoded."""

    name: Literal["val", "test"]
    """The split that is judged."""
    train: Frozen
    """What probes and kNN learn from."""
    val: Frozen | None
    """What C is chosen on; None where it is given and the test split is judged."""
    judged: Frozen
    unknown: Features | None = None
    """Features of samples of no class, float32 [m, F]; None where there are none, or not all metrics are wanted."""


@contextmanager
def _classes_may_be_many() -> Iterator[None]:
    """scikit-learn takes labels for a regression's where most samples have one of their own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than")
        yield


@step()
def evaluate(
    encoder: nn.Module,
    data: DataSet,
    config: TrialConfig,
    *,
    split: Literal["val", "test"],
    device: torch.device,
    full: bool = False,
) -> Evaluation:
    """Evaluate an encoder on one split; the same inputs and threads give the same metrics.

    Probes and kNN learn from the training split, or from a stratified subset of it if it has more than
    `evaluation.probe_max_samples` samples. C is `evaluation.chosen_regularisation` where that is set, else the best
    on validation per level.

    Args:
        encoder: images [n, ...] to features [n, F], on `device`.
        full: every metric, those of the open set where the data has samples of no class for the split; otherwise the
            top-1 of probes and kNN.

    Raises:
        ConfigError: if there is no validation split, and C would have to be chosen on it or it is to be judged.
        TrainingError: if a feature of the splits is not finite.
    """
    splits = freeze(encoder, data, config, split=split, device=device, full=full)
    return judge_frozen(splits, data.taxonomy, config, device, full=full)


def freeze(
    encoder: nn.Module,
    data: DataSet,
    config: TrialConfig,
    *,
    split: Literal["val", "test"],
    device: torch.device,
    full: bool = False,
) -> FrozenSplits:
    """Encode what the evaluation of a split reads; arguments and errors as of `evaluate`."""

    def frozen(part: Split) -> Frozen:
        return Frozen(embed(encoder, part.inputs, device, rows=part.rows), data.taxonomy.paths(part.leaf.cpu().numpy()))

    settings = config.evaluation
    choose = settings.chosen_regularisation is None
    val = frozen(_validation(data)) if choose or split == "val" else None
    judged = val if val is not None and split == "val" else frozen(data.test)
    train = frozen(_reference(data.train, settings.probe_max_samples, config.seed))
    unknown = _open_set_features(encoder, data.open_set.get(split), device) if full else None
    return FrozenSplits(split, train, val, judged, unknown)


@step()
@_classes_may_be_many()
def judge_frozen(
    splits: FrozenSplits, taxonomy: Taxonomy, config: TrialConfig, device: torch.device, *, full: bool = False
) -> Evaluation:
    """Evaluate frozen features; see `evaluate`."""
    settings, judged = config.evaluation, splits.judged
    probes, standardised = fit_levels(splits, taxonomy, settings, device)
    inputs = standardised(judged.features)
    decodings = tuple(DECODINGS) if full else ("argmax",)
    predicted = predict(taxonomy, probes, inputs, ranks=max(figures.RANKS), decodings=decodings)
    metrics = figures.probe_top1(taxonomy, predicted.own, judged.paths)
    doing("judging the nearest neighbours")
    metrics |= figures.knn_top1(taxonomy, splits.train, judged, settings.neighbours, device)
    if full:
        doing("computing metrics")
        converged = [float(probe.converged) for probe in probes]
        metrics |= figures.per_level("probe_converged", taxonomy, converged)
        metrics |= figures.probe_balance(taxonomy, predicted.own, judged.paths)
        metrics |= figures.geometry(taxonomy, judged, config.seed, device)
        metrics |= figures.tree_metrics(taxonomy, predicted, judged)
        metrics |= hit_curve_areas(taxonomy, probes, inputs, judged.paths, config.seed)
        if splits.unknown is not None:
            looks = predict(taxonomy, probes, standardised(splits.unknown), ranks=1)
            scored = Samples(judged.features, predicted.confidence), Samples(splits.unknown, looks.confidence)
            metrics |= open_set_metrics(taxonomy, splits.train, scored, settings.neighbours, device)
    return Evaluation(
        {f"{splits.name}/{name}": value for name, value in metrics.items()},
        tuple(probe.regularisation for probe in probes),
        figures.confusion(taxonomy, predicted.own, judged.paths) if full else {},
    )


@_classes_may_be_many()
def fit_levels(
    splits: FrozenSplits, taxonomy: Taxonomy, settings: EvaluationConfig, device: torch.device
) -> tuple[list[Probe], Standardise]:
    """The probe of every level, and what makes of features [n, F] the float64 that the probes take."""
    scaler = StandardScaler().fit(_wide(splits.train.features))

    def standardised(features: Features) -> FloatArray:
        inputs: FloatArray = scaler.transform(_wide(features))
        return inputs

    return _probes(settings, taxonomy, standardised, splits, device), standardised


def _validation(data: DataSet) -> Split:
    if data.val is None:
        raise ConfigError(
            "there is no validation split (data.train_on is train+val): give the probe's regularisation as "
            "evaluation.chosen_regularisation, and judge the test split"
        )
    return data.val


def _open_set_features(encoder: nn.Module, part: Split | None, device: torch.device) -> Features | None:
    """Features of samples of no class, float32 [m, F]. Nothing is trained on them, so that an encoder which overflows
    on them is not a failed one."""
    if part is None:
        return None
    try:
        return embed(encoder, part.inputs, device, rows=part.rows)
    except TrainingError:
        _LOG.warning("open-set metrics are left out: the encoder's features of samples of no class are not finite")
        return None


def _reference(train: Split, limit: int, seed: int) -> Split:
    return select(train, stratified_subset(train.leaf.cpu().numpy(), limit, (seed,))) if len(train) > limit else train


def _wide(features: Features) -> FloatArray:
    """Features in float64: in float32 the solver's line search can stall short of the optimum."""
    return features.astype(np.float64)


def _probes(
    settings: EvaluationConfig,
    taxonomy: Taxonomy,
    standardised: Standardise,
    splits: FrozenSplits,
    device: torch.device,
) -> list[Probe]:
    """One probe per level; its C is the one given, or else the best on validation."""
    train, val = splits.train, splits.val
    rows = TrainingRows(standardised(train.features), device)
    given = settings.chosen_regularisation
    held_out = None if given is not None or val is None else standardised(val.features)
    probes: list[Probe] = []
    for h, count in enumerate(taxonomy.num_classes):
        doing(f"fitting the linear probe of level {taxonomy.level_names[h]}")
        candidates = settings.probe_regularisation if given is None else (given[h],)
        path = fit_probes(rows, train.paths[:, h], count, candidates, settings.probe_max_iter)
        if held_out is None or val is None:
            probes.extend(path)
        else:
            probes.append(choose_probe(path, held_out, val.paths[:, h]))
    return probes
