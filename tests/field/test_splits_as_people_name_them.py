"""Folders of splits are splits, however they are called and wherever they lie; what is not clear is refused."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from field.folder_trees import grow, trial_file
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.errors import DataError, TaxonomyError, UserError
from hmlc_ray.folders import MESH_SUFFIXES, scan_folder, split_role

CLASSES = ("animal/cat", "animal/dog", "thing/car")
PATHS = tuple(tuple(name.split("/")) for name in CLASSES)


def below(*folders: str) -> list[str]:
    return [f"{folder}/{name}" for folder, name in product(folders, CLASSES)]


TRIPLES = [
    ("train", "valid", "test"),  # Roboflow, Kaggle
    ("TRAIN", "VAL", "TEST"),
    ("Training", "Validation", "Testing"),
    ("training_set", "validation-set", "test set"),
    ("trainset", "valset", "testset"),
    ("train2017", "val2017", "test2017"),
    ("imagesTr", "imagesVal", "imagesTs"),
    ("tr", "dev", "holdout"),
    ("train_images", "eval_images", "hold-out"),
    ("01_train", "02_valid", "03_tst"),
    ("seg_train", "seg_val", "seg_test"),
    ("my-pets-train", "my-pets-validation", "my-pets-test"),
]


@pytest.mark.parametrize("names", TRIPLES, ids="/".join)
def test_every_usual_spelling_is_known(tmp_path: Path, names: tuple[str, str, str]) -> None:
    tree = scan_folder(grow(tmp_path, below(*names)))
    assert (tuple(tree.files), tree.leaf_paths) == (("train", "val", "test"), PATHS)
    for split, name in zip(tree.files, names, strict=True):
        assert {file.relative_to(tmp_path).parts[0] for leaf in tree.files[split] for file in leaf} == {name}


@pytest.mark.parametrize(
    "name",
    ["trainer", "station", "contest", "latest", "valley", "interval", "evaluator", "devil", "text", "steam", "rain"],
)
def test_a_word_that_holds_one_is_no_split(name: str) -> None:
    assert split_role(name) is None


WRAPPED = {
    "a root one level too high": below("photos/train", "photos/test"),
    "two levels too high": below("archive/photos/train", "archive/photos/test"),
    "an archive in a folder of its name": below("train/train", "test/test"),
    "the same, by another name": below("training_set/training_set", "test_set/test_set"),
    "within the classes": [f"{name}/{split}" for name, split in product(CLASSES, ("train", "test"))],
    "below images": below("images/train", "images/test"),
    "above images": [f"{name}/images" for name in below("train", "test")],
}


@pytest.mark.parametrize("folders", WRAPPED.values(), ids=WRAPPED)
def test_splits_are_found_at_any_depth(tmp_path: Path, folders: list[str]) -> None:
    tree = scan_folder(grow(tmp_path, folders))
    assert (tuple(tree.files), tree.leaf_paths) == (("train", "test"), PATHS)


def test_meshes_in_the_layout_of_modelnet(tmp_path: Path) -> None:
    folders = [f"{name}/{split}" for name, split in product(("chair", "table"), ("train", "test"))]
    tree = scan_folder(grow(tmp_path, folders, suffix=".off"), MESH_SUFFIXES)
    assert (tuple(tree.files), tree.leaf_paths) == (("train", "test"), (("chair",), ("table",)))


def test_a_wrapper_makes_no_level_unless_it_is_named(tmp_path: Path) -> None:
    grow(tmp_path, [f"photos/photos/{name}" for name in CLASSES])
    tree = scan_folder(tmp_path)
    assert tree.leaf_paths == PATHS
    assert any("'photos' and" in note or "'photos', 'photos'" in note for note in tree.notes), tree.notes
    assert scan_folder(tmp_path, levels=4).depth == 4


def test_the_table_of_a_wrapped_set_is_found(tmp_path: Path) -> None:
    grow(tmp_path, ["pets/cat", "pets/dog", "__MACOSX/pets/cat"])
    (tmp_path / "pets" / "Taxonomy.CSV").write_text("leaf,kind\ncat,feline\ndog,canine\n")
    assert scan_folder(tmp_path).leaf_paths == (("feline", "cat"), ("canine", "dog"))


@pytest.mark.parametrize("beside", ["docs/a.md", "annotations/train.json", "labels/train/1.txt", ".cache/x/1.png"])
def test_what_holds_no_sample_may_lie_beside_splits(tmp_path: Path, beside: str) -> None:
    grow(tmp_path, below("train", "valid"))
    (tmp_path / beside).parent.mkdir(parents=True)
    (tmp_path / beside).touch()
    tree = scan_folder(tmp_path)
    assert (tuple(tree.files), tree.leaf_paths) == (("train", "val"), PATHS)
    assert bool(tree.notes) is not beside.startswith(".")


UNCLEAR = {
    "unlabelled images": ([*below("train", "valid"), "unlabeled"], "'unlabeled' beside them does not"),
    "unlabelled beside train alone": ([*below("train"), "unlabeled"], "'train' in .* looks like a split, but 'unlabel"),
    "more classes": ([*below("train", "test", "extra")], "'extra' beside them does not"),
    "train twice": (below("train", "Train", "test"), "'Train' and 'train' in .* both look like the train split"),
    "valid and dev": (below("train", "valid", "dev"), "'dev' and 'valid' in .* both look like the val split"),
    "no train": (below("valid", "test"), "holds test and valid, but no `train` folder"),
    "two sets": (
        [*below("a/train", "a/test"), "b"],
        "'test' and 'train' in the folder 'a' below .*set data.root to it",
    ),
    "splits in some classes": (["cat/train", "cat/test", "dog/x"], "in the folder 'cat' below .* look like splits"),
    "no class folders": (["train", "test"], "'.*/train' holds samples but no class folder"),
    "an unlabelled test split": (
        [*below("train"), "test"],
        "test' holds samples but no .* {train: train} leaves it out",
    ),
    "folds": (below("fold1", "fold2", "fold3"), "'fold1', 'fold2', 'fold3' in .* look like parts of one data set"),
    "images and masks": (below("images", "masks"), "'images', 'masks' in .* look like parts of one data set"),
    "an empty split": ([*below("train", "valid"), "test/x"], "the folder 'test' in .* holds no sample: fill it"),
    "a typo": ([*below("train"), "val/animal/Cat"], "class 'animal/cat' of train is called 'animal/Cat' in val"),
    "other classes": ([*below("train"), "val/x/y"], "have no class in common: .* in train, 'x/y' in val"),
}


@pytest.mark.parametrize(("folders", "sentence"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_not_clear_is_refused_with_names_and_remedy(tmp_path: Path, folders: list[str], sentence: str) -> None:
    grow(tmp_path, folders)
    (tmp_path / "test" / "x" / "0.png").unlink(missing_ok=True)
    with pytest.raises(DataError, match=sentence) as caught:
        scan_folder(tmp_path)
    told = str(caught.value)
    assert "\n" not in told
    assert "data.splits" in told or "rename one" in told or "in common" in told


def test_the_remedies_work(tmp_path: Path) -> None:
    grow(tmp_path, [*below("train", "valid", "Train"), "unlabeled"])
    tree = scan_folder(tmp_path, splits={"train": "train", "val": "valid"})
    assert (tuple(tree.files), tree.leaf_paths) == (("train", "val"), PATHS)
    with pytest.raises(
        DataError, match=r"data\.splits\.val is 'dev', but .* holds 'Train', 'train', 'unlabeled', 'valid'"
    ):
        scan_folder(tmp_path, splits={"train": "train", "val": "dev"})


def test_classes_may_be_called_as_splits(tmp_path: Path) -> None:
    grow(tmp_path, ["test", "valid", "cat"])
    with pytest.raises(DataError, match=r"data\.splits: none takes all folders as classes"):
        scan_folder(tmp_path)
    assert scan_folder(tmp_path, splits="none").leaf_paths == (("cat",), ("test",), ("valid",))


def test_numbers_and_letters_are_names_of_classes(tmp_path: Path) -> None:
    grow(tmp_path, [f"{coarse}/{fine}" for coarse in ("0", "1", "a") for fine in ("0", "1")])
    assert len(scan_folder(tmp_path).leaf_paths) == 6


def test_a_vehicle_called_train_is_a_class(tmp_path: Path) -> None:
    tree = scan_folder(grow(tmp_path, ["vehicle/train", "vehicle/bus", "animal/cat"]))
    assert list(tree.files) == ["train"]
    assert len(tree.leaf_paths) == 3


def test_leaves_of_uneven_depth_can_be_filled(tmp_path: Path) -> None:
    grow(tmp_path, ["fruit/apple/gala", "fruit/kiwi"])
    with pytest.raises(TaxonomyError, match=r"data\.uneven: fill"):
        scan_folder(tmp_path)
    tree = scan_folder(tmp_path, uneven="fill", levels=3)
    assert tree.leaf_paths == (("fruit", "apple", "gala"), ("fruit", "kiwi", "kiwi"))


@given(st.lists(st.sampled_from(["train", "Valid", "test", "cat", "dog", "docs", "a b"]), min_size=1, max_size=4))
def test_any_nest_of_such_names_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = tmp_path_factory.mktemp("nest")
    grow(root, {"/".join(names), "/".join(reversed(names)), "/".join([*names[1:], names[0]])})
    try:
        tree = scan_folder(root)
    except UserError:
        return
    roles = [{split_role(name) for name in level} for level in zip(*tree.leaf_paths, strict=True)]
    assert all(None in level or len(level) == 1 for level in roles), tree.leaf_paths


@pytest.mark.parametrize("command", ["check", "show", "taxonomy"])
def test_every_command_refuses_alike(tmp_path: Path, command: str) -> None:
    root = grow(tmp_path / "photos", [*below("train", "valid"), "unlabeled"])
    file = trial_file(tmp_path, root=str(root))
    arguments = {
        "check": ["check", str(file)],
        "show": ["data", "show", str(file), "--home", str(tmp_path / "home")],
        "taxonomy": ["taxonomy", "show", str(root)],
    }[command]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, "'unlabeled' beside them does not" in done.stderr) == (2, True), done.output


def test_check_says_what_it_found(tmp_path: Path) -> None:
    root = grow(tmp_path / "photos", [f"valid/{CLASSES[0]}", *below("train")])
    done = CliRunner().invoke(app, ["check", str(trial_file(tmp_path, root=str(root)))])
    assert done.exit_code == 0, done.output
    assert "found: 3 leaves, levels level0, level1; files: 3 train, 1 val" in done.output
    assert "note: val has no sample of 2 of 3 classes: 'animal/dog', 'thing/car'" in done.output


@pytest.mark.parametrize("uneven", ["error", "fill"])
def test_a_test_split_without_labels_below_a_wrapper_is_named(tmp_path: Path, uneven: Literal["error", "fill"]) -> None:
    """As ImageNet and many sets of Kaggle come: filled up, it would be one class more."""
    grow(tmp_path, [*below("set/photos/train", "set/photos/val"), "set/photos/test"])
    with pytest.raises(
        DataError,
        match=r"photos/test. holds samples .*train: set/photos/train, val: set/photos/val\}",
    ):
        scan_folder(tmp_path, uneven=uneven)


@pytest.mark.parametrize("names", [("color", "gray", "segmented"), ("original", "augmented"), ("eğitim", "deneme")])
def test_parts_that_hold_the_same_classes_are_noted(tmp_path: Path, names: tuple[str, ...]) -> None:
    tree = scan_folder(grow(tmp_path, [f"{name}/{leaf}" for name in names for leaf in ("cat", "dog")]))
    (note,) = tree.notes
    assert "hold the same classes, 'cat', 'dog'" in note
    assert f"data.splits: {{train: {min(names)}}}" in note
    assert scan_folder(tmp_path, splits="none").notes == ()
    assert scan_folder(tmp_path, levels=2).notes == ()
    grow(tmp_path, [f"{names[0]}/bird"])
    assert scan_folder(tmp_path).notes == ()


def test_a_folder_of_loose_images_is_told_that_classes_are_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no class folder, but 3 samples itself, '0\.png' for one") as caught:
        scan_folder(grow(tmp_path, ["."], count=3))
    assert len(str(caught.value)) < 200 + len(str(tmp_path))


@pytest.mark.parametrize("splits", ["auto", {"train": "a"}])
def test_a_folder_that_may_not_be_entered_is_the_user_s_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, splits: Literal["auto"] | dict[Literal["train"], str]
) -> None:
    def denied(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    file = trial_file(tmp_path, root=str(tmp_path / "a"))
    monkeypatch.setattr(Path, "is_dir", denied)
    with pytest.raises(DataError, match=r"^cannot read '.*': Permission denied$"):
        scan_folder(tmp_path, splits=splits)
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 2


def test_splits_without_train_in_different_classes_are_no_level(tmp_path: Path) -> None:
    grow(tmp_path, ["cat/test", "dog/Valid"])
    with pytest.raises(DataError, match=r"holds Valid and test, but no `train` folder"):
        scan_folder(tmp_path)


@pytest.mark.parametrize("folder", [".", "meta"])
def test_lists_of_splits_beside_the_classes_are_noted(tmp_path: Path, folder: str) -> None:
    """As of Food-101: the folders say nothing of the splits, and random ones would be drawn without a word."""
    grow(tmp_path, ["images/cat", "images/dog"])
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "classes.txt").touch()
    (tmp_path / folder / "train.txt").touch()
    assert "lists of splits" not in " ".join(scan_folder(tmp_path).notes)
    (tmp_path / folder / "test.txt").touch()
    assert "'test.txt', 'train.txt' look like lists of splits, which are not read" in " ".join(
        scan_folder(tmp_path).notes
    )
    for split in ("train", "test"):
        grow(tmp_path, [f"given/{split}/cat", f"given/{split}/dog"])
    (tmp_path / "given" / "train.txt").touch()
    (tmp_path / "given" / "test.txt").touch()
    assert "lists of splits" not in " ".join(scan_folder(tmp_path / "given").notes)
