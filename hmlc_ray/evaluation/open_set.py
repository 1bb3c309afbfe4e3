"""Open-set recognition: whether an encoder distinguishes samples of known classes from samples of no known class.

Three scores, each the higher the more a sample looks known:

- minus the cosine distance to the k-th nearest training sample (Sun et al. 2022, arXiv 2204.06507); it looks at no
  class, so it is the same for all levels;
- the same within a class (ours): the largest over the classes of a level of minus the distance to the class's k-th
  nearest sample. Between two classes with a common parent a sample has near neighbours, but k of one class only at the
  parent's level;
- the probe's confidence at a level: its largest probability (Hendrycks and Gimpel 2017, arXiv 1610.02136).

Samples of known classes are the positives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score

from hmlc_ray.arrays import FloatArray
from hmlc_ray.evaluation.figures import Frozen, defined, per_level
from hmlc_ray.evaluation.neighbours import class_similarities, nearest
from hmlc_ray.taxonomy import Taxonomy

_MISSED = 20
"""One in so many known samples may be missed: a true positive rate of 95 %."""


@dataclass(frozen=True)
class Samples:
    """What is scored of n samples."""

    features: npt.NDArray[np.float32]
    """float32 [n, F]."""
    confidence: FloatArray
    """The largest probability of each level's probe, float64 [n, H]."""


def open_set_metrics(
    taxonomy: Taxonomy, train: Frozen, samples: tuple[Samples, Samples], k: int, device: torch.device
) -> dict[str, float]:
    """AUROC and FPR at 95 % TPR by each score. Confidence is left out of a level with a single class.

    Args:
        train: the references of kNN.
        samples: of known classes, and of none.
        k: capped at the number of references, and within a class at the number of the class's.
    """
    references = torch.from_numpy(train.features).to(device)
    known, unknown = samples
    queries = [torch.from_numpy(part.features).to(device) for part in samples]
    of_any = [nearest(rows, references, k)[0][:, -1:].cpu().numpy() for rows in queries]
    of_class = [class_similarities(rows, references, train.paths, k) for rows in queries]
    result = {}
    for name, rate in (("auroc", auroc), ("fpr95", fpr_at_95_tpr)):
        result[f"open_set_{name}_knn"] = rate(of_any[0][:, 0], of_any[1][:, 0])
        by_class = [rate(*level) for level in zip(of_class[0].T, of_class[1].T, strict=True)]
        result |= per_level(f"open_set_{name}_class_knn", taxonomy, by_class)
        by_probe = [
            rate(*level) if classes > 1 else math.nan
            for *level, classes in zip(known.confidence.T, unknown.confidence.T, taxonomy.num_classes, strict=True)
        ]
        result |= per_level(f"open_set_{name}_confidence", taxonomy, by_probe)
    return defined(result)


def auroc(known: npt.NDArray[np.floating], unknown: npt.NDArray[np.floating]) -> float:
    """Probability that a known sample has the higher score, equal scores counting half; scores [n] and [m]."""
    labels = np.repeat([1, 0], [len(known), len(unknown)])
    return float(roc_auc_score(labels, np.concatenate([known, unknown])))


def fpr_at_95_tpr(known: npt.NDArray[np.floating], unknown: npt.NDArray[np.floating]) -> float:
    """Share of unknown samples among those taken for known, at the highest threshold that takes at least 95 % of the
    known ones: `score >= threshold`."""
    threshold = np.sort(known)[len(known) // _MISSED]
    return float((unknown >= threshold).mean())
