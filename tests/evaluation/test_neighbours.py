from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.neighbors import KNeighborsClassifier

from hmlc_ray.evaluation import neighbours
from hmlc_ray.evaluation.neighbours import class_similarities, map_at_r, nearest, vote


def _points(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(seed))


def _labels(count: int, classes: int, seed: int) -> torch.Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


def _naive_average_precision(features: np.ndarray, labels: np.ndarray, query: int) -> float | None:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    others = [i for i in np.argsort(-(unit @ unit[query]), kind="stable") if i != query]
    total = sum(labels[i] == labels[query] for i in others)
    if total == 0:
        return None
    hits, score = 0, 0.0
    for position, i in enumerate(others[:total], start=1):
        if labels[i] == labels[query]:
            hits += 1
            score += hits / position
    return score / total


@pytest.mark.parametrize("block", [4, 256])
def test_nearest_agrees_with_scikit_learn(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    queries, references, labels = _points(11, 1), _points(40, 2), _labels(40, 3, 3)
    similarities, found = nearest(queries, references, 7)
    reference = KNeighborsClassifier(7, metric="cosine", algorithm="brute").fit(references.numpy(), labels.numpy())
    distances, expected = reference.kneighbors(queries.numpy())
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_allclose(1 - similarities.numpy(), distances, atol=1e-6)


def test_k_is_capped_at_the_number_of_references() -> None:
    similarities, found = nearest(_points(3, 0), _points(4, 1), 20)
    assert similarities.shape == found.shape == (3, 4)


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_vote_is_the_majority_and_ties_go_to_the_more_similar(seed: int, k: int, classes: int) -> None:
    similarities = torch.rand(6, k, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    labels = _labels(6 * k, classes, seed + 1).view(6, k)
    for row, winner in enumerate(vote(similarities, labels, classes).tolist()):
        ballots = {
            c: (int((labels[row] == c).sum()), float(similarities[row][labels[row] == c].double().sum()))
            for c in labels[row].tolist()
        }
        assert winner == max(ballots, key=lambda c: ballots[c])


@pytest.mark.parametrize("block", [5, 256])
def test_map_at_r_agrees_with_a_loop_over_queries(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    features = _points(23, 4)
    paths = torch.stack([_labels(23, 2, 5), _labels(23, 9, 6)], dim=1)
    paths[0, 1] = 99  # alone in its class: no query
    scores = [
        [_naive_average_precision(features.numpy(), labels.numpy(), query) for query in range(23)] for labels in paths.T
    ]
    assert scores[1][0] is None
    expected = [np.mean([s for s in level if s is not None]) for level in scores]
    np.testing.assert_allclose(map_at_r(features, paths).numpy(), expected, rtol=1e-12)


def test_map_at_r_agrees_with_a_published_implementation() -> None:
    features, labels = torch.nn.functional.normalize(_points(40, 7)), _labels(40, 4, 8)
    calculator = AccuracyCalculator(include=("mean_average_precision_at_r",), k="max_bin_count", knn_func=_knn)
    expected = calculator.get_accuracy(features, labels)["mean_average_precision_at_r"]
    assert map_at_r(features, labels[:, None]).item() == pytest.approx(expected)


def _knn(
    query: torch.Tensor, k: int, reference: torch.Tensor, ref_includes_query: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    assert ref_includes_query
    similarities = query @ reference.T
    similarities.fill_diagonal_(-torch.inf)
    return similarities.topk(k)


def test_map_at_r_is_undefined_where_everyone_is_alone() -> None:
    assert map_at_r(_points(4, 0), torch.arange(4)[:, None]).isnan().all()


@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([4, 256]))
@settings(max_examples=25, deadline=None)
def test_similarity_to_classes_agrees_with_each_class_searched_alone(seed: int, k: int, block: int) -> None:
    queries, references = _points(9, seed), _points(60, seed + 1)
    leaf = _labels(60, 7, seed + 2) ** 2 // 8  # of very different sizes
    paths = torch.stack([leaf // 3, leaf], dim=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "BLOCK", block)
        found = torch.from_numpy(class_similarities(queries, references, paths.numpy(), k))
    for h, labels in enumerate(paths.T):
        own = [nearest(queries, references[labels == c], k)[0][:, -1] for c in labels.unique()]
        assert torch.allclose(found[:, h], torch.stack(own).amax(dim=0), atol=1e-6)


def test_similarity_to_the_only_class_is_that_to_any_sample() -> None:
    queries, references = _points(9, 0), _points(60, 1)
    found = class_similarities(queries, references, np.zeros((60, 1), dtype=np.int64), 5)
    assert torch.allclose(torch.from_numpy(found[:, 0]), nearest(queries, references, 5)[0][:, -1], atol=1e-6)
