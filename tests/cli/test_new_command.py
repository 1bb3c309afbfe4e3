"""`hmlc new`: a search space for whatever somebody has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_examples import Run
from hf_folders import save_rows
from made_meshes import write_classes
from PIL import Image

from hmlc_ray.config.sweep import SweepConfig, load_sweep

QUICK = ("--no-measure",)


def images(root: Path, counts: dict[str, int], side: int = 20, mode: str = "RGB", suffix: str = ".png") -> Path:
    random = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            shape = (side, side + 4) if mode == "L" else (side, side + 4, 3)
            pixels = random.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}{suffix}")
    return root


def clouds(root: Path, counts: dict[str, int]) -> Path:
    random = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            np.save(root / name / f"{number}.npy", random.normal(size=(40, 3)).astype(np.float32))
    return root


def table(root: Path) -> Path:
    root.mkdir()
    np.save(root / "features.npy", np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32))
    rows = [f"leaf{n % 6},{'a' if n % 6 < 3 else 'b'}" for n in range(60)]
    (root / "labels.csv").write_text("leaf,parent\n" + "\n".join(rows) + "\n")
    return root


THREE = {"fruit/apple": 6, "fruit/pear": 5, "tool/saw": 7}


def both(file: str) -> SweepConfig:
    """The search space, whose smoke profile is valid too."""
    load_sweep(file, profile="smoke")
    return load_sweep(file)


@pytest.mark.parametrize(
    ("make", "kind", "encoder"),
    [
        (lambda root: images(root, THREE), "image-folder", "convnet"),
        (lambda root: write_classes(root, THREE), "mesh-folder", "pointnet"),
        (lambda root: clouds(root, THREE), "point-folder", "pointnet"),
        (table, "features", "mlp"),
        (lambda root: save_rows(root, {"train": 6, "test": 2}), "hf-dataset", "convnet"),
    ],
)
def test_every_kind_is_recognised(hmlc: Run, make: Callable[[Path], Path], kind: str, encoder: str) -> None:
    made = make(Path("My Data (1)"))
    result = hmlc("new", made, *QUICK)
    assert result.exit_code == 0, result.output
    sweep = both("my-data-1.yaml")
    trial = sweep.base_trial()
    assert (sweep.study.name, trial.data.kind, trial.encoder.kind) == ("my-data-1", kind, encoder)
    kinds = sweep.search_space().branches["objective"]
    assert list(kinds) == ["g-hmlc", "a-hmlc", "hmce", "sum-supcon", "supcon"]
    checked = hmlc("check", "my-data-1.yaml", "--profile", "smoke")
    assert checked.exit_code == 0, checked.output
    assert "levels: " in result.output
    assert "run it: hmlc sweep my-data-1.yaml\n" in result.output


@pytest.mark.parametrize(
    ("cores", "sentence"),
    [
        (0.2, "on a machine that does nothing else: "),
        (3.14, "while other programs used 3.1 CPU cores"),
    ],
)
def test_it_measures_a_short_epoch(hmlc: Run, monkeypatch: pytest.MonkeyPatch, cores: float, sentence: str) -> None:
    monkeypatch.setattr("hmlc_ray.runs.starting.measure.cores_in_use", lambda: cores)
    root = images(Path("fruit"), THREE)
    result = hmlc("new", root, "--out", "s.yaml", "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert (values["file"], values["classes"], values["samples"]) == ("s.yaml", [2, 3], {"train": 18})
    assert values["study_seconds"] > values["trial_seconds"] > 0
    assert result.stderr == "measuring a short epoch on 18 samples\n"
    text = Path("s.yaml").read_text().replace("\n# ", " ")
    assert "Estimated time: 0:" in text
    assert sentence in text


def test_a_large_set_is_measured_on_a_part_of_it(hmlc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.runs.starting.proposal.MOST_READ", 10)
    result = hmlc("new", images(Path("fruit"), THREE), "--json")
    assert result.stderr == "measuring a short epoch on a part of the samples\n"
    assert json.loads(result.stdout)["trial_seconds"] > 0


def test_images_decide_size_and_channels(hmlc: Run) -> None:
    images(Path("grey"), THREE, side=28, mode="L")
    images(Path("large"), THREE, side=70)
    for name in ("grey", "large"):
        assert hmlc("new", name, *QUICK).exit_code == 0
    grey, large = (both(f"{name}.yaml").base_trial().data for name in ("grey", "large"))
    assert (grey.image_size, grey.channels) == (28, 1)  # type: ignore[union-attr]
    assert (large.image_size, large.channels) == (64, 3)  # type: ignore[union-attr]


def test_strong_imbalance_is_searched_over_and_said(hmlc: Run) -> None:
    result = hmlc("new", images(Path("rare"), {"a/x": 40, "a/y": 30, "b/z": 3}, side=8), *QUICK)
    assert "imbalance, largest class by smallest: level0 23.3, level1 13.3" in result.output
    text = Path("rare.yaml").read_text()
    assert "# Imbalanced, the largest class of a level by its smallest: level0 23.3 : 1, level1 13.3 : 1." in text
    assert "training.sampler: {choice: [uniform, class-balanced]}" in text
    assert "imbalance: {choice: [none, anchor]}" in text
    both("rare.yaml")


def test_flat_classes_get_the_leaf_objective_and_a_hint(hmlc: Run) -> None:
    assert hmlc("new", images(Path("flat"), {"x": 5, "y": 5, "z": 5}), *QUICK).exit_code == 0
    assert list(both("flat.yaml").search_space().branches["objective"]) == ["supcon"]
    assert "data.taxonomy: {kind: induced}" in Path("flat.yaml").read_text()


def test_files_that_cannot_be_read_are_left_out_and_named(hmlc: Run) -> None:
    root = images(Path("fruit"), THREE, suffix=".jpg")
    (root / "fruit" / "apple" / "none.jpg").write_bytes(b"nothing")
    assert hmlc("new", root, "--out", "a.yaml", *QUICK).exit_code == 0
    assert both("a.yaml").base["data"]["on_bad_file"] == "skip"
    text = Path("a.yaml").read_text().replace("\n# ", " ")
    assert f"1 of 19 images that were looked at cannot be read, '{(root / 'fruit/apple/none.jpg').absolute()}'" in text


def test_one_that_is_cut_off_is_found_by_the_short_epoch(hmlc: Run) -> None:
    root = images(Path("fruit"), THREE, suffix=".jpg")
    whole = (root / "fruit" / "apple" / "0.jpg").read_bytes()
    (root / "fruit" / "apple" / "0.jpg").write_bytes(whole[:-40])  # its header is whole
    result = hmlc("new", root)
    assert result.exit_code == 0, result.output
    assert both("fruit.yaml").base["data"]["on_bad_file"] == "skip"
    assert "apple/0.jpg" in Path("fruit.yaml").read_text().replace("\n# ", "")
    assert "or set data.on_bad_file" not in Path("fruit.yaml").read_text().replace("\n# ", " ")
    assert result.stderr.splitlines()[:2] == [
        "measuring a short epoch on 18 samples",
        "a file cannot be used: measuring once more without such files",
    ]
    assert result.stderr.count("images were skipped") <= 1


def test_a_list_of_images_is_a_manifest(hmlc: Run) -> None:
    images(Path("all"), {".": 12})
    rows = [f"{n}.png,leaf{n % 4},group{n % 2}" for n in range(12)]
    Path("all/list.csv").write_text("path,leaf,group\n" + "\n".join(rows) + "\n")
    for source, file in (("all", "all.yaml"), ("all/list.csv", "list.yaml")):
        result = hmlc("new", source, *QUICK)
        assert result.exit_code == 0, result.output
        assert both(file).base["data"]["kind"] == "manifest"


def test_a_folder_without_one_list_is_no_manifest(hmlc: Run) -> None:
    images(Path("all"), {".": 3})

    def refused() -> str:
        result = hmlc("new", "all", "--kind", "manifest", *QUICK)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
        return result.stderr

    assert "has no list of images: --kind manifest needs a .csv file in it" in refused()
    Path("all/bad.csv").write_text("image,class\n0.png,a\n")
    assert "is a list of images: " in refused()
    assert "bad.csv" in refused()
    for name in ("one", "two"):
        Path(f"all/{name}.csv").write_text("path,leaf,group\n0.png,a,b\n")
    assert "has 2 lists of images, one.csv, two.csv: give the one to use by its path" in refused()


def test_a_missing_folder_for_the_file_is_found_first(hmlc: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.runs.starting.proposal.measure", lambda _: pytest.fail("it trained"))
    result = hmlc("new", images(Path("fruit"), THREE), "--out", "none/s.yaml")
    assert (result.exit_code, result.stderr) == (
        2,
        "hmlc: none/s.yaml cannot be written: there is no folder 'none'\n",
    )


def test_keys_of_data_can_be_given(hmlc: Run) -> None:
    root = images(Path("uneven"), {"a/x": 4, "a/y": 4, "b": 4})
    refused = hmlc("new", root, *QUICK)
    assert refused.exit_code == 2
    assert "data.uneven: fill" in refused.stderr
    assert hmlc("new", root, "-o", "data.uneven=fill", "-o", "data.level_names=[kind, leaf]", *QUICK).exit_code == 0
    data = both("uneven.yaml").base_trial().data
    assert (data.uneven, data.level_names) == ("fill", ("kind", "leaf"))  # type: ignore[union-attr]


def test_nothing_is_overwritten(hmlc: Run) -> None:
    root = images(Path("fruit"), THREE)
    Path("fruit.yaml").write_text("mine")
    result = hmlc("new", root, *QUICK)
    assert (result.exit_code, result.stderr) == (
        2,
        "hmlc: fruit.yaml exists already and is not overwritten: choose another --out\n",
    )
    assert Path("fruit.yaml").read_text() == "mine"


def mixed(root: Path) -> Path:
    images(root, THREE)
    return write_classes(root / "more", {"a/x": 3})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda root: root, "there is no folder or file"),
        (lambda root: root.mkdir() or root, "holds nothing that is known"),
        (lambda root: images(root, {"only": 5}), "holds one class only"),
        (lambda root: images(root, {"a/x": 5, "a/y": 1}), "leaf 'y' has 1 training sample, but at least 3 are needed"),
        (lambda root: mixed(root).parent, "18 images and 3 meshes: --kind says which are the samples"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(hmlc: Run, make: Callable[[Path], Path], sentence: str) -> None:
    result = hmlc("new", make(Path("data")), *QUICK)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
    assert sentence in result.stderr
    assert not list(Path().glob("*.yaml"))


def test_films_and_archives_are_named(hmlc: Run) -> None:
    Path("films/a").mkdir(parents=True)
    Path("films/a/1.mp4").touch()
    assert "it holds 1 .mp4" in hmlc("new", "films", *QUICK).stderr
    Path("all.zip").touch()
    assert "an archive has to be unpacked" in hmlc("new", "all.zip", *QUICK).stderr
    assert "--kind must be one of" in hmlc("new", "films", "--kind", "films").stderr
    assert "only keys of data" in hmlc("new", "films", "-o", "training.epochs=3").stderr


def test_a_table_may_hold_its_own_labels(hmlc: Run) -> None:
    leaf = np.arange(60) % 6
    features = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    np.savez("own.npz", features=features, leaf=np.array([f"leaf{n}" for n in leaf]), group=leaf % 2)
    result = hmlc("new", "own.npz", *QUICK)
    assert result.exit_code == 0, result.output
    assert "levels: group (2) > leaf (6)" in result.output
    assert both("own.yaml").base["data"]["kind"] == "features"


def test_check_warns_of_what_new_refuses(hmlc: Run) -> None:
    root = images(Path("fruit"), THREE)
    assert hmlc("new", root, *QUICK).exit_code == 0
    images(root, {"a/x": 1, "a/y": 2})
    checked, made = hmlc("check", "fruit.yaml"), hmlc("new", root, "--out", "b.yaml", *QUICK)
    assert "note: training would refuse these data: leaf 'a/x' has 1 training sample" in checked.output
    assert made.exit_code == 2
    for text in (checked.output, made.stderr):
        assert "x' has 1 training sample, but at least 3 are needed" in text
        assert "y' (2); add samples" in text
