"""Frozen features in, named metrics out, without the split's name in front."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import f1_score, recall_score

from hmlc_ray.arrays import IntArray
from hmlc_ray.data.splits import stratified_subset
from hmlc_ray.evaluation.clusters import cluster_metrics
from hmlc_ray.evaluation.confusions import Matrix, confusion_matrix
from hmlc_ray.evaluation.neighbours import map_at_r, nearest, vote
from hmlc_ray.evaluation.predictions import Predictions
from hmlc_ray.evaluation.tree import (
    cpcc,
    full_path_accuracy,
    hierarchical_distance,
    hierarchical_scores,
    inconsistency,
    mistake_severity,
)
from hmlc_ray.taxonomy import Taxonomy

MAX_RETRIEVED = 5_000
"""Samples that MAP@R ranks against each other at most."""
MAX_CLUSTERED = 2_000
"""Samples that NMI and silhouette look at at most."""
RANKS = (1, 5, 20)
"""k of the hierarchical distance, as far as there are more leaves than that."""


@dataclass(frozen=True)
class Frozen:
    """One split, encoded."""

    features: npt.NDArray[np.float32]
    """float32 [N, F]."""
    paths: IntArray
    """int64 [N, H]."""

    def subset(self, limit: int, seed: int) -> Frozen:
        """A subset of at most `limit` samples, every leaf in proportion; all of them where there are no more."""
        if len(self.paths) <= limit:
            return self
        rows = stratified_subset(self.paths[:, -1], limit, (seed,))
        return Frozen(self.features[rows], self.paths[rows])


def per_level(name: str, taxonomy: Taxonomy, values: list[float]) -> dict[str, float]:
    """`name/<level>`, `name/leaf` for the finest level whatever its name, and the mean over levels as `name/mean`."""
    result = {f"{name}/{level}": value for level, value in zip(taxonomy.level_names, values, strict=True)}
    return defined(result | {f"{name}/leaf": values[-1], f"{name}/mean": sum(values) / len(values)})


def defined(values: dict[str, float]) -> dict[str, float]:
    """The metrics without those that are undefined (NaN) on these data."""
    return {name: value for name, value in values.items() if not math.isnan(value)}


def probe_top1(taxonomy: Taxonomy, predicted: IntArray, true: IntArray) -> dict[str, float]:
    """Top-1 of the probes, from their classes and the true ones, int64 [n, H]."""
    return per_level("probe_top1", taxonomy, (predicted == true).mean(axis=0).tolist())


def probe_balance(taxonomy: Taxonomy, own: IntArray, true: IntArray) -> dict[str, float]:
    """Balanced accuracy (mean recall of the classes that occur) and macro-F1 of the probes."""
    balanced, f1 = [], []
    for h in range(taxonomy.num_levels):
        predicted = own[:, h]
        present = np.unique(true[:, h])
        balanced.append(float(recall_score(true[:, h], predicted, labels=present, average="macro", zero_division=0)))
        f1.append(float(f1_score(true[:, h], predicted, average="macro", zero_division=0)))
    return per_level("probe_balanced_accuracy", taxonomy, balanced) | per_level("probe_macro_f1", taxonomy, f1)


def knn_top1(taxonomy: Taxonomy, train: Frozen, judged: Frozen, k: int, device: torch.device) -> dict[str, float]:
    """Top-1 of the cosine kNN, the training samples as references."""
    references, queries = (torch.from_numpy(split.features).to(device) for split in (train, judged))
    similarities, found = (tensor.cpu() for tensor in nearest(queries, references, k))
    paths, true = torch.from_numpy(train.paths)[found], torch.from_numpy(judged.paths)
    values = []
    for h, count in enumerate(taxonomy.num_classes):
        predicted = vote(similarities, paths[..., h], count)
        values.append(float((predicted == true[:, h]).double().mean()))
    return per_level("knn_top1", taxonomy, values)


def geometry(taxonomy: Taxonomy, judged: Frozen, seed: int, device: torch.device) -> dict[str, float]:
    """MAP@R, NMI and silhouette per level within the judged samples (subsets where there are many)."""
    ranked = judged.subset(MAX_RETRIEVED, seed)
    features, paths = (torch.from_numpy(array).to(device) for array in (ranked.features, ranked.paths))
    result = per_level("map_at_r", taxonomy, map_at_r(features, paths).tolist())
    clustered = judged.subset(MAX_CLUSTERED, seed)
    levels = [cluster_metrics(clustered.features, labels, seed) for labels in clustered.paths.T]
    for name in ("nmi", "silhouette"):
        result |= per_level(name, taxonomy, [level.get(name, math.nan) for level in levels])
    return result


def tree_metrics(taxonomy: Taxonomy, predictions: Predictions, judged: Frozen) -> dict[str, float]:
    """Every metric of `tree.py`, by decoding where the decoding matters."""
    true, leaf = judged.paths, judged.paths[:, -1]
    result = {"tree/cpcc": cpcc(taxonomy, judged.features, leaf)}
    for name, predicted in predictions.paths.items():
        precision, recall, f1 = hierarchical_scores(taxonomy, predicted, true)
        result |= {
            f"tree/full_path_accuracy/{name}": full_path_accuracy(predicted, true),
            f"tree/inconsistency/{name}": inconsistency(taxonomy, predicted),
            f"tree/mistake_severity/{name}": mistake_severity(taxonomy, predicted[:, -1], leaf),
            f"tree/hierarchical_precision/{name}": precision,
            f"tree/hierarchical_recall/{name}": recall,
            f"tree/hierarchical_f1/{name}": f1,
        }
    for k in (k for k in RANKS if k < taxonomy.num_leaves):
        result[f"tree/hierarchical_distance_at_{k}"] = hierarchical_distance(taxonomy, predictions.ranked[:, :k], leaf)
    return defined(result)


def confusion(taxonomy: Taxonomy, predicted: IntArray, true: IntArray) -> dict[str, Matrix]:
    """Confusion matrix by level name, from the probes' classes and the true ones, int64 [n, H]."""
    return {
        name: confusion_matrix(true[:, h], predicted[:, h], taxonomy.num_classes[h])
        for h, name in enumerate(taxonomy.level_names)
    }
