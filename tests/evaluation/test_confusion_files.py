"""Confusion matrices as files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.evaluation.confusion_files import matrices_of, write_confusion
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.fit import fit


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_run_ends_with_its_matrices(tmp_path: Path) -> None:
    config = TrialConfig.model_validate(
        {
            "encoder": {"kind": "mlp", "hidden_dim": 32, "feature_dim": 16},
            "head": {"hidden_dim": 16, "embedding_dim": 16},
            "objective": {"kind": "sum-supcon"},
            "training": {"epochs": 1, "cpu_threads": 1},
            "evaluation": {"probe_regularisation": [0.1]},
        }
    )
    result = fit(config, lambda record, snapshot: None, test=True)
    matrices = matrices_of(result.checkpoint.state["confusion"])
    assert {split: list(levels) for split, levels in matrices.items()} == {
        "val": ["parity", "digit"],
        "test": ["parity", "digit"],
    }
    for split, levels in matrices.items():
        for level, matrix in levels.items():
            share = np.trace(matrix) / matrix.sum()
            assert share == pytest.approx(result.metrics[f"{split}/probe_top1/{level}"])
    written = write_confusion(result.data.taxonomy, matrices, tmp_path)
    assert sorted(file.name for file in written) == sorted(
        f"{split}-{level}.{kind}"
        for split in ("val", "test")
        for level in ("0-parity", "1-digit")
        for kind in ("csv", "png")
    )
    rows = list(csv.reader((tmp_path / "test-0-parity.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0][1:] == [row[0] for row in rows[1:]] == list(result.data.taxonomy.class_names[0])
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == matrices["test"]["parity"].tolist()


def test_odd_names_and_empty_classes_are_drawn(tmp_path: Path) -> None:
    taxonomy = Taxonomy.from_paths(("top / $", "leaf"), [("$x$", "a,b"), ("y_{", 'c "d"')])
    matrix = np.array([[3, 1], [0, 0]])
    written = write_confusion(taxonomy, {"val": {"top / $": matrix, "leaf": matrix}}, tmp_path)
    assert [file.name for file in written] == [
        "val-0-top____.csv",
        "val-0-top____.png",
        "val-1-leaf.csv",
        "val-1-leaf.png",
    ]
    rows = list(csv.reader((tmp_path / "val-1-leaf.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[1:] == [["a,b", "3", "1"], ['c "d"', "0", "0"]]
    with Image.open(tmp_path / "val-1-leaf.png") as picture:
        assert min(picture.size) > 300


def test_nothing_judged_writes_nothing(tmp_path: Path) -> None:
    taxonomy = Taxonomy.from_paths(("top", "leaf"), [("a", "x"), ("b", "y")])
    assert write_confusion(taxonomy, {}, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
