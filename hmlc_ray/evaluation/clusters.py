"""How classes lie in feature space: NMI of k-means clusters, silhouette of the true classes."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score, silhouette_score
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from hmlc_ray.arrays import IntArray


def cluster_metrics(features: npt.NDArray[np.float32], labels: IntArray, seed: int) -> dict[str, float]:
    """`nmi` and `silhouette` of one level, on features scaled to unit length.

    NMI compares the classes with as many k-means clusters. Either is left out where it is undefined: with fewer
    than two classes, and the silhouette also where every sample is alone in its class.

    Args:
        features: float32 [n, F].
        labels: int64 [n].
    """
    classes = len(np.unique(labels))
    if classes < 2:
        return {}
    unit = normalize(features)
    result = {"nmi": float(normalized_mutual_info_score(labels, _clusters(unit, classes, seed)))}
    if classes < len(labels):
        result["silhouette"] = float(silhouette_score(unit, labels, metric="cosine"))
    return result


def _clusters(features: npt.NDArray[np.float32], count: int, seed: int) -> IntArray:
    """int64 [n]: k-means clusters."""
    # Threads of k-means add their partial sums in the order in which they finish: one thread, one result.
    with threadpool_limits(limits=1, user_api="openmp"), warnings.catch_warnings():
        # Fewer distinct points than clusters: collapsed features, which a low NMI reports by itself.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels: IntArray = KMeans(count, n_init=3, random_state=seed).fit_predict(features)
    return labels
