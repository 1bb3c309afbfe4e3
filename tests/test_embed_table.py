"""An encoder's features of a data set as a table, and that table as data."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from made_features import write_features
from PIL import Image
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import DataSet, load_data
from hmlc_ray.errors import CheckpointError, ConfigError, DataError, UserError
from hmlc_ray.evaluation import embed
from hmlc_ray.runs.embed import embed_data
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint import load_checkpoint, save_checkpoint
from hmlc_ray.training.export import encoder_of, export_encoder
from hmlc_ray.training.fit import fit

SMALL = {
    "training": {"epochs": 1, "global_batch_size": 16, "cpu_threads": 1, "device": "cpu"},
    "optimiser": {"warmup_epochs": 0},
    "evaluation": {"probe_regularisation": (0.1,), "probe_max_iter": 20},
}
Trained = Callable[..., Path]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """A folder with `checkpoint` and `encoder` of a run of one epoch; without the traced programs, which take long."""
    monkeypatch.setattr("hmlc_ray.training.export.encoder._networks", lambda encoder, shape, folder: {})

    def train(data: dict[str, object], encoder: dict[str, object], name: str = "run") -> Path:
        config = TrialConfig.model_validate({**SMALL, "data": data, "encoder": encoder})
        result = fit(config, lambda record, snapshot: None)
        save_checkpoint(tmp_path / name / "checkpoint", result.checkpoint)
        assert export_encoder(load_checkpoint(tmp_path / name / "checkpoint"), tmp_path / name / "encoder") == []
        return tmp_path / name

    return train


def images(root: Path, size: int = 8, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for name in ("a/x", "a/y", "b/x"):
        (root / name).mkdir(parents=True)
        for number in range(6):
            picture = Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8))
            picture.save(root / name / f"{number}, {size}.png")
    return root


def parts(data: DataSet) -> dict[str, torch.Tensor]:
    assert data.val is not None
    return {"train": data.train, "val": data.val, "test": data.test}  # type: ignore[dict-item]


def test_rows_of_no_class_stay_rows_of_no_class(trained: Trained, tmp_path: Path) -> None:
    folder = write_features(tmp_path / "table", splits=True)
    lines = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join([*lines[:-3], "45,,,oos_val", "46,oos,oos,OOS", "47,,oos,oos_test"]))
    run = trained({"kind": "features", "file": str(folder)}, {"kind": "mlp", "feature_dim": 5})
    done = embed_data(str(run / "encoder"), None, tmp_path / "t", workspace=Workspace.of(tmp_path))
    assert done.rows == {"train": 23, "val": 11, "test": 11, "oos_val": 1, "oos_test": 2}
    back = load_data(FeaturesConfig(file=str(tmp_path / "t")))
    assert {name: part.rows.tolist() for name, part in back.open_set.items()} == {"val": [45], "test": [46, 47]}  # type: ignore[union-attr]
    assert not any("left out" in note for note in back.notes)


def test_a_table_of_the_runs_own_data_reads_back_with_its_splits_and_tree(trained: Trained, tmp_path: Path) -> None:
    root = images(tmp_path / "images")
    run = trained({"kind": "image-folder", "root": str(root), "image_size": 8}, {"kind": "mlp", "feature_dim": 12})
    done = embed_data(str(run / "checkpoint"), None, tmp_path / "t", workspace=Workspace.of(tmp_path))
    assert (sum(done.rows.values()), done.feature_dim) == (18, 12)
    checkpoint = load_checkpoint(run / "checkpoint")
    own, back = load_data(checkpoint.config.data), load_data(FeaturesConfig(file=str(tmp_path / "t")))
    assert back.taxonomy.to_dict()["class_names"] == [["a", "b"], ["a/x", "y", "b/x"]]
    encoder = encoder_of(checkpoint)
    for name, split in parts(back).items():
        wanted = parts(own)[name]
        assert [back.taxonomy.class_names[1][leaf] for leaf in split.leaf.tolist()] == [
            own.taxonomy.class_names[1][leaf] for leaf in wanted.leaf.tolist()
        ]
        features = embed(encoder, wanted.inputs, "cpu", rows=wanted.rows)
        np.testing.assert_array_equal(split.at(torch.arange(len(split))).numpy(), features)
        assert split.paths is not None
        paths = [split.paths[row] for row in split.rows.tolist()]
        assert paths == [wanted.paths[row] for row in wanted.rows.tolist()]
        assert all((root / path).is_file() for path in paths)


def test_other_images_have_the_size_that_the_encoder_was_trained_on(trained: Trained, tmp_path: Path) -> None:
    root = images(tmp_path / "images")
    run = trained(
        {"kind": "image-folder", "root": str(root), "image_size": 8, "background": (0, 0, 0)}, {"kind": "mlp"}
    )
    other = images(tmp_path / "other", size=20, seed=1)
    by_checkpoint = embed_data(str(run / "checkpoint"), str(other), tmp_path / "one", workspace=Workspace.of(tmp_path))
    by_export = embed_data(str(run / "encoder"), str(other), tmp_path / "two", workspace=Workspace.of(tmp_path))
    assert by_checkpoint.rows == by_export.rows
    one, two = (np.load(tmp_path / name / "features.npy") for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)
    assert (tmp_path / "one" / "labels.csv").read_text() == (tmp_path / "two" / "labels.csv").read_text()
    by_file = embed_data(
        str(run / "encoder" / "encoder.pt"),
        str(other),
        tmp_path / "three",
        workspace=Workspace.of(tmp_path),
        overrides=["data.split_seed=5", "data.test_fraction=0.5"],
    )
    assert by_file.rows["test"] == 9


def test_a_list_of_images_and_a_file_are_data_too(trained: Trained, tmp_path: Path) -> None:
    root = images(tmp_path / "images")
    run = trained({"kind": "image-folder", "root": str(root), "image_size": 8}, {"kind": "mlp"})
    with (root / "list.csv").open("w", newline="") as file:
        rows = [
            (path.relative_to(root).as_posix(), "-".join(path.parts[-3:-1])) for path in sorted(root.rglob("*.png"))
        ]
        csv.writer(file).writerows([("path", "leaf"), *rows])
    embed_data(str(run / "encoder"), str(root / "list.csv"), tmp_path / "listed", workspace=Workspace.of(tmp_path))
    (tmp_path / "f.yaml").write_text(f"data: {{kind: image-folder, root: {root}, image_size: 8, limit_per_leaf: 2}}\n")
    done = embed_data(
        str(run / "encoder"), str(tmp_path / "f.yaml"), tmp_path / "named", workspace=Workspace.of(tmp_path)
    )
    assert done.rows["train"] == 6
    digits = trained({"kind": "digits"}, {"kind": "mlp", "feature_dim": 8}, "digits")
    kind = embed_data(
        str(digits / "checkpoint"),
        "digits",
        tmp_path / "kind",
        workspace=Workspace.of(tmp_path),
        overrides=["data.limit_per_leaf=5"],
    )
    assert kind.rows["train"] == 50
    assert "path" not in (tmp_path / "kind" / "labels.csv").read_text().splitlines()[0].split(",")


def test_clouds_of_meshes_and_of_points(trained: Trained, tmp_path: Path) -> None:
    for number, name in enumerate(("a/x", "a/y", "b/z")):
        for index in range(5):
            box = trimesh.creation.box((1, 1 + number, 1 + 0.1 * index))
            for suffix, where in ((".off", "meshes"), (".npy", "points")):
                file = tmp_path / where / name / f"{index}{suffix}"
                file.parent.mkdir(parents=True, exist_ok=True)
                if suffix == ".off":
                    box.export(file)
                else:
                    np.save(file, box.sample(50, seed=index))
    encoder = {"kind": "pointnet", "width": 4, "pooled_dim": 8, "feature_dim": 8}
    run = trained({"kind": "mesh-folder", "root": str(tmp_path / "meshes"), "num_points": 32}, encoder)
    for where in ("meshes", "points"):
        done = embed_data(
            str(run / "encoder"), str(tmp_path / where), tmp_path / f"t-{where}", workspace=Workspace.of(tmp_path)
        )
        assert sum(done.rows.values()) == 15
    more = embed_data(
        str(run / "encoder"),
        str(tmp_path / "points"),
        tmp_path / "more",
        workspace=Workspace.of(tmp_path),
        overrides=["data.num_points=40"],
    )
    assert more.feature_dim == 8


def test_features_of_features(trained: Trained, tmp_path: Path) -> None:
    file = write_features(tmp_path / "table", 20)
    run = trained({"kind": "features", "file": str(file)}, {"kind": "mlp", "feature_dim": 5})
    done = embed_data(str(run / "encoder"), str(file), tmp_path / "t", workspace=Workspace.of(tmp_path))
    assert np.load(tmp_path / "t" / "features.npy").shape == (80, 5)
    assert done.feature_dim == 5
    with pytest.raises(DataError, match=r"takes samples of shape \[8\], but those of .* have \[5\]"):
        embed_data(str(run / "encoder"), str(tmp_path / "t"), tmp_path / "u", workspace=Workspace.of(tmp_path))


def test_what_cannot_be_embedded_is_one_sentence(trained: Trained, tmp_path: Path) -> None:
    run = trained({"kind": "digits"}, {"kind": "mlp", "feature_dim": 8})
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "labels.csv").write_text("mine")
    file.write_text("mine")
    broken, pickled = tmp_path / "broken", tmp_path / "pickled"
    for folder in (broken, pickled):
        shutil.copytree(run / "encoder", folder)
    (broken / "encoder.pt").unlink()
    torch.save({"weights": Path()}, pickled / "encoder.pt")
    encoder = str(run / "encoder")
    cases: list[tuple[str, str | None, Path, list[str], type[UserError], str]] = [
        (encoder, None, full, [], DataError, "which holds labels.csv: name another folder"),
        (encoder, None, file, [], DataError, "it is a file, and a folder is needed"),
        (encoder, "nowhere", tmp_path / "t", [], DataError, "there is no folder, file or kind of data '.*nowhere'"),
        (encoder, "mnist", tmp_path / "t", ["data.rot=1"], ConfigError, "unknown key data.rot"),
        (encoder, "primitives", tmp_path / "t", ["data.per_class=5"], DataError, r"of shape \[1, 8, 8\], but those of"),
        (str(broken), None, tmp_path / "t", [], CheckpointError, "has neither a checkpoint nor an exported encoder"),
        (str(pickled), None, tmp_path / "t", [], CheckpointError, "holds more than tensors"),
        (str(tmp_path), None, tmp_path / "t", [], CheckpointError, "has neither a checkpoint nor"),
    ]
    for target, data, out, overrides, error, reason in cases:
        with pytest.raises(error, match=reason) as caught:
            embed_data(target, data, out, workspace=Workspace.of(tmp_path), overrides=overrides)
        assert "\n" not in str(caught.value)
    assert (full / "labels.csv").read_text() == file.read_text() == "mine"
    assert not (tmp_path / "t").exists()


def test_the_command_says_what_it_wrote_and_how_to_use_it(trained: Trained, tmp_path: Path) -> None:
    run = trained({"kind": "digits"}, {"kind": "mlp", "feature_dim": 8})
    command = ["embed", str(run / "encoder"), "--out", str(tmp_path / "t"), "--home", str(tmp_path)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "features.npy: 1,151 train, 287 val, 359 test; 8 features each" in done.output
    assert f"data: {{kind: features, file: {tmp_path / 't'}}}" in done.output
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2
    assert "name another folder" in again.output
