"""A diagnosis of planted features, and its files."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from planted_features import MASKS, TREE, splits
from torch import nn

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.diagnosis import Diagnosis
from hmlc_ray.diagnosis.compute import Subject, diagnose_frozen
from hmlc_ray.diagnosis.files import JSON_FILE, PICTURES, TABLES, check_folder, publish, write_diagnosis
from hmlc_ray.diagnosis.mask_sizes import MaskSizes
from hmlc_ray.errors import ConfigError
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.evaluation.judge import FrozenSplits
from hmlc_ray.taxonomies.level_masks import dimension_order
from hmlc_ray.taxonomy import Taxonomy

CONFIG = TrialConfig.model_validate({"evaluation": {"probe_regularisation": [0.1]}})
CPU = torch.device("cpu")


def diagnosed(parts: FrozenSplits, tree: Taxonomy = TREE, **more: object) -> Diagnosis:
    subject = Subject(parts, tree, nn.Identity(), None, None)
    return diagnose_frozen(replace(subject, **more), CONFIG, CPU, chosen=None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def planted_diagnosis() -> Diagnosis:
    head = nn.Linear(12, 12)
    with torch.no_grad():
        head.weight.copy_(torch.eye(12)).mul_(2)
    sizes = MaskSizes(np.array([1, 2]), np.array([[12.0, 12.0], [4.0, 6.0]]))
    return diagnosed(splits(10), head=head, masks=MASKS, mask_sizes=sizes)


def test_the_scalars_are_metrics_of_the_split(planted_diagnosis: Diagnosis) -> None:
    metrics = planted_diagnosis.metrics()
    tables = [f"{table}_probe_top1/{h}/{name}" for table in ("mask", "complement") for h in (0, 1)
              for name in ("coarse", "fine")]  # fmt: skip
    ranks = [f"{rank}/{name}" for name in ("coarse", "fine") for rank in ("scatter_rank", "scatter_effective_rank")]
    wanted = ["effective_rank/features", "effective_rank/embedding", *ranks, *tables]
    assert list(metrics) == [f"val/{name}" for name in wanted]
    assert (metrics["val/scatter_rank/coarse"], metrics["val/scatter_rank/fine"]) == (2, 6)
    assert metrics["val/mask_probe_top1/0/coarse"] > 0.95 > 0.5 > metrics["val/mask_probe_top1/0/fine"]
    # The head only scales, so that the embedding is used as the features are.
    assert planted_diagnosis.masks_on == "embedding"
    assert metrics["val/effective_rank/embedding"] == pytest.approx(metrics["val/effective_rank/features"])
    assert planted_diagnosis.evaluation["val/probe_top1/fine"] > 0.95


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def test_every_picture_and_table_is_written_and_read_back(planted_diagnosis: Diagnosis, tmp_path: Path) -> None:
    written = write_diagnosis(planted_diagnosis, tmp_path)
    assert [file.name for file in written] == [JSON_FILE, *TABLES, *PICTURES]
    for name in PICTURES:
        with Image.open(tmp_path / name) as picture:
            assert len(picture.convert("L").getcolors(1 << 20) or []) > 10, f"{name} is empty"
    values = json.loads((tmp_path / JSON_FILE).read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert values["metrics"] == planted_diagnosis.metrics()
    assert values["evaluation"] == planted_diagnosis.evaluation
    assert values["mask_probes"]["dims"] == [4, 6]
    assert values["mask_sizes"] == {"epochs": [1, 2], "dims": [[12, 12], [4, 6]]}
    assert [entry["pairs"] for entry in values["tree_distances"]] == [9, 27]
    rows = table(tmp_path / "mask_probes.csv")
    probes = planted_diagnosis.mask_probes
    assert probes is not None
    assert [float(row["on_mask"]) for row in rows] == pytest.approx(probes.inside.ravel(), abs=1e-6)
    assert [float(row["on_complement"]) for row in rows] == pytest.approx(probes.outside.ravel(), abs=1e-6)
    assert [(row["mask"], row["probed"]) for row in rows] == [
        ("coarse", "coarse"), ("coarse", "fine"), ("fine", "coarse"), ("fine", "fine")
    ]  # fmt: skip
    points = table(tmp_path / "map.csv")
    assert [(int(point["row"]), point["fine"]) for point in points] == [(row, f"f{row // 10}") for row in range(90)]


def test_a_report_replaces_its_own_files_and_leaves_others(planted_diagnosis: Diagnosis, tmp_path: Path) -> None:
    scratch, folder = tmp_path / "scratch", tmp_path / "mine"
    for made in (scratch, folder):
        made.mkdir()
    for name in ("masks.png", JSON_FILE):
        (folder / name).write_text("of an earlier report")
    (folder / "notes.txt").write_text("mine")
    files = write_diagnosis(replace(planted_diagnosis, masks=None, mask_probes=None, mask_sizes=None), scratch)
    check_folder(folder)
    publish(files, folder)
    left = {JSON_FILE, "top_confusions.csv", "map.csv", "ranks.png", "leaf_confusion.png", "tree_distances.png"}
    assert {file.name for file in folder.iterdir()} == {*left, "map.png", "notes.txt"}
    values = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
    assert values["masks"] is values["mask_probes"] is values["mask_sizes"] is None


def test_where_no_report_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"it is a file, and a folder is needed$"):
        check_folder(tmp_path / "file")
    with pytest.raises(ConfigError, match=r"^the report cannot be written to '.*file/below': Not a directory$"):
        check_folder(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"
    check_folder(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


@pytest.mark.parametrize("name", [*TABLES, *PICTURES])
def test_files_of_the_same_names_are_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=f"it has '{name}' but no diagnosis.json, .* choose another folder$"):
        check_folder(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def few(parts: FrozenSplits, kept: np.ndarray) -> FrozenSplits:
    judged = Frozen(parts.judged.features[kept], parts.judged.paths[kept])
    return replace(parts, val=judged, judged=judged)


@pytest.mark.parametrize("case", ["three samples", "one sample", "a class is missing", "collapsed", "one level"])
def test_splits_that_show_little_are_diagnosed_as_far_as_they_go(case: str, tmp_path: Path) -> None:
    parts, tree = splits(6), TREE
    if case == "three samples":
        parts = few(parts, np.array([0, 7, 50]))
    elif case == "one sample":
        parts = few(parts, np.array([0]))
    elif case == "a class is missing":
        parts = few(parts, np.flatnonzero(parts.judged.paths[:, 0] != 1))
    elif case == "collapsed":
        flat = [replace(part, features=np.zeros_like(part.features)) for part in (parts.train, parts.judged)]
        parts = FrozenSplits("val", flat[0], flat[1], flat[1])
    else:
        tree = Taxonomy.from_paths(("top / $x$",), [(f"_{i} $", ) for i in range(9)])  # fmt: skip
        train, judged = (Frozen(part.features, part.paths[:, 1:]) for part in (parts.train, parts.judged))
        parts = FrozenSplits("test", train, None, judged)
    config = CONFIG if parts.val is not None else CONFIG.with_regularisation((0.1,))
    masks = MASKS[: tree.num_levels]
    subject = Subject(parts, tree, nn.Identity(), masks, None)
    found = diagnose_frozen(subject, config, CPU, chosen=config.evaluation.chosen_regularisation)
    assert found.masks_on == "features"
    assert found.embedding is found.features
    assert not any(math.isnan(value) for value in found.metrics().values())
    assert (found.distances is None) == (case == "one sample")
    names = {file.name for file in write_diagnosis(found, tmp_path)}
    missing = {"mask_sizes.png"} | ({"tree_distances.png"} if case == "one sample" else set())
    assert {*PICTURES, *TABLES, JSON_FILE} - names == missing


def test_dimensions_are_sorted_by_level_and_value() -> None:
    masks = np.array([[0.1, 0.9, 0.2, 0.5], [0.8, 0.0, 0.9, 0.4]])
    assert dimension_order(masks).tolist() == [1, 3, 2, 0]
