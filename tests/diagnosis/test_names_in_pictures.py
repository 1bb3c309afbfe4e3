"""Long names in the pictures of a diagnosis: cut with a sign of it, and different where the names are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from planted_features import splits
from torch import nn

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.diagnosis import Diagnosis
from hmlc_ray.diagnosis.compute import Subject, diagnose_frozen
from hmlc_ray.diagnosis.pictures import distances, maps
from hmlc_ray.taxonomy import Taxonomy

BEGIN = "the same twenty letters at least, then "
TREE = Taxonomy.from_paths((BEGIN + "coarse", BEGIN + "fine"), [(f"c{i % 3}", BEGIN + str(i)) for i in range(9)])


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    config = TrialConfig.model_validate({"evaluation": {"probe_regularisation": [0.1]}})
    return diagnose_frozen(
        Subject(splits(10), TREE, nn.Identity(), None, None), config, torch.device("cpu"), chosen=None
    )


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    kept: list[Any] = []
    for module in (maps, distances):
        monkeypatch.setattr(module, "save_figure", lambda figure, file, **options: kept.append(figure))
    return kept


def test_classes_in_the_map(diagnosis: Diagnosis, figures: list[Any]) -> None:
    maps.draw_map(diagnosis, Path("map.png"))
    coarse, fine = ([text.get_text().strip() for text in axes.get_legend().get_texts()] for axes in figures[0].axes[:2])
    assert coarse == ["c0", "c1", "c2"]
    assert len({*fine}) == 9
    assert all("…" in name and len(name) <= 20 for name in fine)
    assert sorted(name[-1] for name in fine) == [str(i) for i in range(9)]


def test_levels_in_the_distances(diagnosis: Diagnosis, figures: list[Any]) -> None:
    assert diagnosis.distances is not None
    distances.draw_distances(diagnosis, diagnosis.distances, Path("distances.png"))
    shown = [label.get_text().partition("\n")[0] for label in figures[0].axes[0].get_xticklabels()]
    assert len({*shown}) == len(shown) >= 2
    assert any("…" in name for name in shown)
    assert all(len(name) <= 20 for name in shown)
