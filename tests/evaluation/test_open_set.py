from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve
from torch import nn

from hmlc_ray.config.training import EvaluationConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.evaluation import evaluate
from hmlc_ray.evaluation.open_set import auroc, fpr_at_95_tpr
from hmlc_ray.taxonomy import Taxonomy

CPU = torch.device("cpu")
SCORES = ("knn", "class_knn/coarse", "class_knn/fine", "confidence/coarse", "confidence/fine")


@given(st.integers(0, 10_000), st.integers(1, 70), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_rates_agree_with_counts_over_all_thresholds(seed: int, known: int, unknown: int) -> None:
    rng = np.random.default_rng(seed)
    inside, outside = rng.integers(4, 12, known) / 8, rng.integers(0, 9, unknown) / 8  # many are equal
    pairs = np.sign(inside[:, None] - outside).mean() / 2 + 0.5
    assert auroc(inside, outside) == pytest.approx(pairs)
    rates = [((outside >= t).mean(), (inside >= t).mean()) for t in np.unique([inside.tolist() + outside.tolist()])]
    assert fpr_at_95_tpr(inside, outside) == min(fpr for fpr, tpr in rates if tpr >= 0.95 - 1e-12)
    labels = np.repeat([1, 0], [known, unknown])
    fpr, tpr, _ = roc_curve(labels, np.concatenate([inside, outside]), drop_intermediate=False)
    assert fpr_at_95_tpr(inside, outside) == pytest.approx(fpr[np.argmax(tpr >= 0.95 - 1e-12)])


def _rows(tree: Taxonomy, count: int, seed: int) -> Split:
    """Rows around a direction for each leaf."""
    generator = torch.Generator().manual_seed(seed)
    leaf = torch.arange(count) % tree.num_leaves
    return Split(torch.eye(12)[leaf] * 3 + torch.randn(count, 12, generator=generator) * 0.3, leaf)


def _outside(count: int, dims: slice) -> Split:
    rows = torch.randn(count, 12, generator=torch.Generator().manual_seed(9)) * 0.3
    rows[:, dims] += 3
    return Split(rows, torch.full((count,), -1))


@pytest.fixture
def data(tree: Taxonomy) -> DataSet:
    splits = [_rows(tree, count, seed) for seed, count in enumerate((120, 60, 90))]
    return DataSet(tree, *splits, "fingerprint")


def _metrics(data: DataSet, split: str = "test", full: bool = True, **settings: object) -> dict[str, float]:
    values = {"probe_regularisation": (0.1,), "neighbours": 5, **settings}
    config = TrialConfig(evaluation=EvaluationConfig.model_validate(values))
    return evaluate(nn.Flatten(), data, config, split=split, device=CPU, full=full).metrics  # type: ignore[arg-type]


def test_what_is_far_from_all_classes_is_found(data: DataSet) -> None:
    far = _metrics(replace(data, open_set={"test": _outside(40, slice(8, 9))}))
    assert far["test/open_set_auroc_knn"] == far["test/open_set_auroc_class_knn/leaf"] == 1
    assert far["test/open_set_fpr95_knn"] == far["test/open_set_fpr95_class_knn/leaf"] == 0
    assert far["test/open_set_auroc_confidence/leaf"] > 0.9
    alike = _metrics(replace(data, open_set={"test": replace(data.test, leaf=torch.full((90,), -1))}))
    assert {alike[f"test/open_set_auroc_{score}"] for score in SCORES} == {0.5}


def test_a_sample_between_two_classes_is_near_to_their_parent_alone(data: DataSet) -> None:
    """Leaves 0 and 1 are siblings: half of one and half of the other is of the coarse class, and of no fine one."""
    between = _outside(40, slice(0, 2))
    metrics = _metrics(replace(data, open_set={"test": between}), neighbours=30)
    assert metrics["test/open_set_auroc_class_knn/fine"] > metrics["test/open_set_auroc_class_knn/coarse"]
    means = [metrics[f"test/open_set_auroc_class_knn/{level}"] for level in ("coarse", "mid", "fine")]
    assert metrics["test/open_set_auroc_class_knn/mean"] == pytest.approx(np.mean(means))


def test_other_metrics_stay_and_so_do_those_of_the_other_split(data: DataSet) -> None:
    before, outside = _metrics(data), _outside(40, slice(8, 9))
    both = replace(data, open_set={"test": outside})
    after = _metrics(both)
    new = {name for name in after if name.startswith("test/open_set_")}
    assert len(new) == 2 * (1 + 5 + 5)
    assert {name: after[name] for name in after.keys() - new} == before
    assert all(0 <= after[name] <= 1 and math.isfinite(after[name]) for name in new)
    assert _metrics(both, "val") == _metrics(data, "val")
    assert _metrics(both, full=False) == _metrics(data, full=False)
    assert {f"val/{name.removeprefix('test/')}" for name in new} <= set(
        _metrics(replace(data, open_set={"val": outside}), "val")
    )


def test_samples_of_no_class_on_which_the_encoder_overflows_fail_no_run(
    data: DataSet, caplog: pytest.LogCaptureFixture
) -> None:
    broken = _outside(40, slice(8, 9))
    broken.inputs[3, 0] = math.inf  # type: ignore[index]
    assert _metrics(replace(data, open_set={"test": broken})) == _metrics(data)
    assert "open-set metrics are left out" in caplog.text


def test_confidence_says_nothing_of_a_level_with_one_class() -> None:
    stem = Taxonomy.from_paths(("all", "digit"), [("x", "0"), ("x", "1"), ("x", "2")])
    splits = [_rows(stem, 30, seed) for seed in range(3)]
    metrics = _metrics(DataSet(stem, *splits, "", open_set={"test": _outside(20, slice(8, 9))}))
    named = [name.partition("confidence/")[2] for name in metrics if "auroc_confidence" in name]
    assert sorted(named) == ["digit", "leaf"]
    assert metrics["test/open_set_auroc_class_knn/all"] == metrics["test/open_set_auroc_knn"]
