from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from hmlc_ray.config.training import EvaluationConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.errors import ConfigError
from hmlc_ray.evaluation import Evaluation, embed, evaluate
from hmlc_ray.taxonomy import Taxonomy

CPU = torch.device("cpu")


def _split(tree: Taxonomy, count: int, seed: int) -> Split:
    """Images whose leaf shows through noise."""
    generator = torch.Generator().manual_seed(seed)
    leaf = torch.randint(tree.num_leaves, (count,), generator=generator)
    pattern = torch.randint(60, 190, (tree.num_leaves, 1, 3, 3), generator=torch.Generator().manual_seed(99))
    noise = torch.randn(count, 1, 3, 3, generator=generator) * 45
    return Split((pattern[leaf] + noise).clamp(0, 255).to(torch.uint8), leaf)


@pytest.fixture
def data(tree: Taxonomy) -> DataSet:
    return DataSet(tree, _split(tree, 120, 0), _split(tree, 60, 1), _split(tree, 70, 2), "fingerprint")


def _evaluate(data: DataSet, split: str = "val", full: bool = False, **settings: object) -> Evaluation:
    config = TrialConfig(evaluation=EvaluationConfig.model_validate({"probe_regularisation": (0.01, 1.0), **settings}))
    return evaluate(nn.Flatten(), data, config, split=split, device=CPU, full=full)  # type: ignore[arg-type]


def _array(split: Split) -> np.ndarray:
    return embed(nn.Flatten(), split.inputs, CPU).astype(np.float64)


@pytest.mark.parametrize("split", ["val", "test"])
def test_probe_and_knn_agree_with_scikit_learn_alone(data: DataSet, split: str) -> None:
    result = _evaluate(data, split, full=True, neighbours=1)
    assert data.val is not None
    judged = data.val if split == "val" else data.test
    true, seen, held = (data.taxonomy.paths(s.leaf) for s in (judged, data.train, data.val))
    for h, name in enumerate(data.taxonomy.level_names):
        fitted = [
            make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300)).fit(_array(data.train), seen[:, h])
            for c in (0.01, 1.0)
        ]
        best = max(fitted, key=lambda model: model.score(_array(data.val), held[:, h]))
        predicted = best.predict(_array(judged))
        assert result.chosen_regularisation[h] == best[-1].C
        assert result.metrics[f"{split}/probe_top1/{name}"] == pytest.approx((predicted == true[:, h]).mean())
        assert result.metrics[f"{split}/probe_balanced_accuracy/{name}"] == pytest.approx(
            balanced_accuracy_score(true[:, h], predicted)
        )
        assert result.metrics[f"{split}/probe_macro_f1/{name}"] == pytest.approx(
            f1_score(true[:, h], predicted, average="macro")
        )
        assert np.array_equal(result.confusion[name], confusion_matrix(true[:, h], predicted))
        knn = KNeighborsClassifier(1, metric="cosine").fit(_array(data.train), seen[:, h])
        assert result.metrics[f"{split}/knn_top1/{name}"] == pytest.approx(knn.score(_array(judged), true[:, h]))


def test_mean_and_leaf_follow_the_levels(data: DataSet) -> None:
    metrics = _evaluate(data, full=True).metrics
    for figure in ("probe_top1", "knn_top1", "probe_macro_f1", "map_at_r", "nmi", "silhouette"):
        levels = [metrics[f"val/{figure}/{name}"] for name in ("coarse", "mid", "fine")]
        assert metrics[f"val/{figure}/mean"] == pytest.approx(np.mean(levels))
        assert metrics[f"val/{figure}/leaf"] == levels[-1]


def test_without_full_only_top1_is_measured(data: DataSet) -> None:
    result = _evaluate(data)
    keys = {f"val/{figure}/{name}" for figure in ("probe_top1", "knn_top1") for name in ("coarse", "mid", "fine")}
    keys |= {f"val/{figure}/{name}" for figure in ("probe_top1", "knn_top1") for name in ("leaf", "mean")}
    assert set(result.metrics) == keys
    assert result.confusion == {}


def test_everything_is_measured_finite_and_repeatable(data: DataSet) -> None:
    first, second = _evaluate(data, full=True), _evaluate(data, full=True)
    assert first.metrics == second.metrics
    assert all(math.isfinite(value) for value in first.metrics.values())
    decoded = [f"val/tree/{figure}/{way}" for figure in ("full_path_accuracy", "inconsistency", "mistake_severity",
               "hierarchical_precision", "hierarchical_recall", "hierarchical_f1")
               for way in ("argmax", "top_down", "leaf_up", "max_constraint")]  # fmt: skip
    others = ["val/tree/cpcc", "val/tree/hierarchical_distance_at_1", "val/tree/hierarchical_distance_at_5",
              "val/tree/hit_curve_area", "val/tree/hit_curve_area_by_score"]  # fmt: skip
    assert {*decoded, *others} == {key for key in first.metrics if key.startswith("val/tree/")}
    assert first.metrics["val/tree/inconsistency/top_down"] == first.metrics["val/tree/inconsistency/leaf_up"] == 0


def test_the_test_split_plays_no_part_in_the_choice(data: DataSet) -> None:
    shuffled = replace(data, test=Split(data.test.inputs, data.test.leaf.flip(0)))
    on_test, on_val = _evaluate(shuffled, "test"), _evaluate(data, "val")
    assert on_test.chosen_regularisation == on_val.chosen_regularisation
    assert set(on_test.metrics) == {key.replace("val/", "test/") for key in on_val.metrics}


def test_a_choice_already_made_needs_no_validation(data: DataSet) -> None:
    merged = replace(data, val=None)
    result = _evaluate(merged, "test", chosen_regularisation=(1.0, 0.5, 0.25))
    assert result.chosen_regularisation == (1.0, 0.5, 0.25)
    for split, settings in (("test", {}), ("val", {"chosen_regularisation": (1.0, 0.5, 0.25)})):
        with pytest.raises(ConfigError, match="no validation split"):
            _evaluate(merged, split, **settings)


def test_leaves_missing_from_training(data: DataSet) -> None:
    kept = (data.train.leaf != 5) & (data.train.leaf != 1)
    metrics = _evaluate(replace(data, train=Split(data.train.inputs[kept], data.train.leaf[kept])), full=True).metrics
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["val/probe_balanced_accuracy/fine"] <= 4 / 6


def test_a_large_training_split_is_thinned(data: DataSet) -> None:
    thin = _evaluate(data, probe_max_samples=30).metrics
    assert thin == _evaluate(data, probe_max_samples=30).metrics
    assert thin != _evaluate(data).metrics


def test_a_single_level_and_a_level_with_one_class() -> None:
    flat = Taxonomy.from_paths(("digit",), [("0",), ("1",), ("2",)])
    metrics = _evaluate(DataSet(flat, _split(flat, 40, 0), _split(flat, 30, 1), _split(flat, 30, 2), ""), full=True)
    assert metrics.metrics["val/tree/inconsistency/argmax"] == 0
    assert "val/tree/cpcc" not in metrics.metrics
    stem = Taxonomy.from_paths(("all", "digit"), [("x", "0"), ("x", "1"), ("x", "2")])
    metrics = _evaluate(DataSet(stem, _split(stem, 40, 0), _split(stem, 30, 1), _split(stem, 30, 2), ""), full=True)
    assert metrics.metrics["val/probe_top1/all"] == 1
    assert "val/nmi/all" not in metrics.metrics
