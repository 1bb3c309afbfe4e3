"""Folders that Hugging Face `datasets` saved, as a data set."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, List, Value
from hf_folders import LEAVES, encoded, features, rows, save_rows
from made_images import make_images
from pydantic import ValidationError

from hmlc_ray.config.data import HfDatasetConfig
from hmlc_ray.config.found import find_leaves
from hmlc_ray.config.levels import check_trial
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.images import ImageFiles, decode
from hmlc_ray.errors import ConfigError, DataError, UserError

LEVELS = ("realm", "leaf")


def config(root: Path, **values: Any) -> HfDatasetConfig:
    return HfDatasetConfig.model_validate({"root": str(root), "levels": LEVELS, "image_size": 8, **values})


def saved(folder: Path, content: list[dict[str, Any]], types: Features | None = None) -> Path:
    """Without splits."""
    Dataset.from_list(content, types or features()).save_to_disk(str(folder))
    return folder


def changed(**values: Any) -> list[dict[str, Any]]:
    """Twelve rows, of which the sixth has these values."""
    content = rows(4)
    content[5] |= values
    return content


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return save_rows(tmp_path / "saved", {"train": 4, "validation": 2, "test": 3})


def test_the_splits_of_the_folder_are_kept_and_pixels_belong_to_their_leaves(given: Path, tmp_path: Path) -> None:
    data = load_data(config(given))
    assert data.val is not None
    assert data.taxonomy.level_names == LEVELS
    assert data.taxonomy.class_names == (("animal", "thing"), ("cat", "dog", "car"))
    file = tmp_path / "one.png"
    for part, seed, count in ((data.train, 0, 4), (data.val, 1000, 2), (data.test, 2000, 3)):
        assert len(part) == 3 * count
        for row, wanted in enumerate(rows(count, seed)):
            file.write_bytes(wanted["image"]["bytes"])
            assert np.array_equal(part.at(torch.tensor([row]))[0].numpy(), decode(file, 3, 8))
            assert data.taxonomy.class_names[-1][int(part.leaf[row])] == LEAVES[wanted["leaf"]]
    assert data.train.paths is not None
    assert data.train.paths[3] == "train[3]"


def test_the_leaves_are_found_without_an_image(given: Path) -> None:
    found = find_leaves(config(given, level_names=("kingdom", "species")))
    assert found is not None
    assert (found.level_names, found.unit) == (("kingdom", "species"), "rows")
    assert found.counts == {"train": (4, 4, 4), "val": (2, 2, 2), "test": (3, 3, 3)}


def test_splits_are_drawn_limited_and_chosen(tmp_path: Path, given: Path) -> None:
    single = load_data(config(saved(tmp_path / "single", rows(5)), limit_per_leaf=2))
    assert single.val is not None
    assert [len(part) for part in (single.train, single.val, single.test)] == [6, 3, 3]
    chosen = load_data(config(given, splits={"train": "test", "test": "train"}))
    assert chosen.val is not None
    assert [len(part) for part in (chosen.train, chosen.val, chosen.test)] == [6, 3, 12]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_other_modes_are_read_as_files_are(mode: str, channels: int, tmp_path: Path) -> None:
    content = changed(image=encoded("L" if mode == "I;16" else mode))
    if mode == "I;16":
        from PIL import Image as Pillow

        Pillow.fromarray(np.arange(120, dtype=np.uint16).reshape(10, 12) * 500).save(tmp_path / "deep.png")
        content[5]["image"] = {"bytes": (tmp_path / "deep.png").read_bytes(), "path": None}
    data = load_data(config(saved(tmp_path / "set", content), channels=channels))
    (tmp_path / "one").write_bytes(content[5]["image"]["bytes"])
    assert np.array_equal(data.train.inputs[:][5].numpy(), decode(tmp_path / "one", channels, 8))


def test_bytes_in_a_plain_column_integers_and_texts_are_taken(tmp_path: Path) -> None:
    types = Features({"jpeg bytes": Value("binary"), "a/b": Value("int16"), "leaf": Value("large_string")})
    content = [
        {"jpeg bytes": encoded("CMYK", row, "JPEG")["bytes"], "a/b": row % 2, "leaf": f" é{row % 4} "}
        for row in range(20)
    ]
    data = load_data(
        config(
            saved(tmp_path / "set", content, types), image="jpeg bytes", levels=("a/b", "leaf"), level_names=("a", "b")
        )
    )
    assert data.taxonomy.class_names == (("0", "1"), ("é0", "é2", "é1", "é3"))


def with_types(**types: Any) -> Features:
    return Features({**features(), **types})


Made = Callable[[Path], Path]
WRONG: dict[str, tuple[Made, dict[str, Any], str]] = {
    "no folder": (lambda folder: folder, {}, "there is no data folder '.*'$"),
    "another folder": (
        lambda folder: make_images(folder),
        {},
        "is not a folder that save_to_disk .* wrote: it holds neither",
    ),
    "a column": (
        lambda f: saved(f, rows(3)),
        {"levels": ("realm", "leav")},
        "the split 'train' of '.*' has no column 'leav'; its columns are 'image', 'realm', 'leaf', 'id'$",
    ),
    "no images": (
        lambda f: saved(f, rows(3)),
        {"image": "id"},
        r"'id' of .* holds Value\('int64'\), but data.image must "
        r"name one of images \(images are in 'image'\)",
    ),
    "vectors": (
        lambda f: saved(
            f,
            [{"image": [0.5, 1.0], "realm": "a", "leaf": i % 2} for i in range(9)],
            Features(
                {
                    "image": List(Value("float32"), length=2),
                    "realm": Value("string"),
                    "leaf": ClassLabel(names=["x", "y"]),
                }
            ),
        ),
        {},
        r"holds List\(.*but data.image must name one of images \(it has none; vectors are read by data.kind: features",
    ),
    "several labels": (
        lambda f: saved(f, [row | {"leaf": [0]} for row in rows(3)], with_types(leaf=List(ClassLabel(names=["x"])))),
        {},
        r"'leaf' of .* holds List\(.* but data.levels must name columns of class labels, texts or integers",
    ),
    "floats": (
        lambda f: saved(f, [row | {"leaf": 0.5} for row in rows(3)], with_types(leaf=Value("float32"))),
        {},
        r"'leaf' of .* holds Value\('float32'\), but data.levels",
    ),
    "null": (
        lambda f: saved(f, changed(leaf=None)),
        {},
        r"row 5 of the split 'train' of .* has no class \(null\) in the column 'leaf'",
    ),
    "secret": (
        lambda f: saved(f, changed(leaf=-1)),
        {},
        r"row 5 of .* has no class \(-1, as where labels are secret; data.splits",
    ),
    "blank": (lambda f: saved(f, changed(realm=" ")), {}, "row 5 of .* has an empty class in the column 'realm'"),
    "control": (
        lambda f: saved(f, changed(realm="a\x1b[2J")),
        {},
        "the column 'realm' of .*: the name .* holds a control",
    ),
    "parents": (
        lambda f: saved(f, changed(realm="thing")),
        {},
        r"row 5 of .* puts leaf 'dog' below 'thing', but row 4 of "
        r"'train' below 'animal'; a class has one parent \(data.levels lists the columns coarsest first\)",
    ),
    "turned round": (
        lambda f: saved(f, rows(3)),
        {"levels": ("leaf", "realm"), "level_names": ("a", "b")},
        "puts realm 'animal' below 'dog', but row 0",
    ),
    "one class": (lambda f: saved(f, rows(3)[:3]), {}, "has one class only, 'cat'; at least two are needed"),
    "an empty split": (
        lambda f: save_rows(f, {"train": 3, "test": 0}),
        {},
        "the split 'test' of .* is empty; data.splits",
    ),
    "an unknown split": (
        lambda f: save_rows(f, {"train": 3, "unsupervised": 3}),
        {},
        "'unsupervised' of .* means neither train, validation nor test by its name: data.splits names those to use",
    ),
    "two for one": (
        lambda f: save_rows(f, {"train": 3, "training": 3}),
        {},
        "'train' of .* is one of 2 for train by its",
    ),
    "no train": (
        lambda f: save_rows(f, {"test": 3}),
        {},
        "no split of .* means train by its name, it has 'test': data.splits",
    ),
    "no such split": (
        lambda f: save_rows(f, {"train": 3}),
        {"splits": {"train": "trn"}},
        "data.splits.train is 'trn', but the splits of .* are 'train'$",
    ),
    "no splits": (lambda f: saved(f, rows(3)), {"splits": {"train": "train"}}, "was saved without any: leave it out"),
    "a null image": (
        lambda f: saved(f, changed(image=None)),
        {},
        r"cannot read the image '.*/train\[5\]': the row has none",
    ),
    "text as image": (
        lambda f: saved(f, changed(image={"bytes": b"hello", "path": None})),
        {},
        r"train\[5\]': it is not an "
        "image of a format that Pillow reads; repair it, remove it, or set data.on_bad_file: skip",
    ),
    "a cut image": (
        lambda f: saved(f, changed(image={"bytes": encoded("RGB")["bytes"][:60], "path": None})),
        {},
        r"train\[5\]",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_named_in_a_sentence(case: str, tmp_path: Path) -> None:
    make, values, sentence = WRONG[case]
    with pytest.raises(UserError, match=sentence) as caught:
        load_data(config(make(tmp_path / "in" / "set"), **values))
    assert "\n" not in str(caught.value)


def test_an_unreadable_image_is_skipped_where_that_is_allowed(tmp_path: Path) -> None:
    root = saved(tmp_path / "set", changed(image={"bytes": b"hello", "path": "cat.png"}))
    data = load_data(config(root, on_bad_file="skip"))
    assert data.val is not None
    assert sum(len(part) for part in (data.train, data.val, data.test)) == 11


def test_an_image_that_lies_elsewhere_is_not_opened(tmp_path: Path) -> None:
    elsewhere = tmp_path / "secret.png"
    elsewhere.write_bytes(encoded()["bytes"])
    content = rows(3)
    content[5]["image"] = {"bytes": None, "path": str(elsewhere)}
    storage = Features({**features(), "image": Image(decode=False)})
    table = Dataset.from_list(content, storage).data.table
    root = saved(tmp_path / "set", rows(3))
    (file,) = root.glob("*.arrow")
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(
        DataError, match=r"train\[5\]': its bytes are not in the data set, which names a file '.*secret"
    ):
        load_data(config(root))


def damage_state(root: Path) -> None:
    state = json.loads((root / "train" / "state.json").read_text())
    state["_data_files"] = [{"filename": "../../other/data-00000-of-00001.arrow"}]
    (root / "train" / "state.json").write_text(json.dumps(state))


def damage_arrow(root: Path) -> None:
    (file,) = (root / "test").glob("*.arrow")
    file.write_bytes(file.read_bytes()[:-3000])


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a split is gone": (
        lambda root: shutil.rmtree(root / "test"),
        r"cannot read the split 'test' of .*: it is damaged or",
    ),
    "cut off": (damage_arrow, r"cannot read the split 'test' of .*: it is damaged or not complete, save it again"),
    "no JSON": (lambda root: (root / "dataset_dict.json").write_text("{"), r"cannot read '.*dataset_dict.json'"),
    "another JSON": (lambda root: (root / "dataset_dict.json").write_text('{"splits": [3]}'), r"dataset_dict.json': "),
    "state": (lambda root: (root / "train" / "state.json").write_text("[]"), r"cannot read the split 'train'"),
    "leads out": (
        lambda root: (root / "dataset_dict.json").write_text('{"splits": ["../other"]}'),
        r"by the names of their folders",
    ),
    "to the net": (
        lambda root: (root / "dataset_dict.json").write_text('{"splits": ["x::https://a.b"]}'),
        r"the names of their folders",
    ),
    "a file elsewhere": (damage_state, r"the file '.*other.*' of the split 'train' of .* lies outside of that folder"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_folder_is_refused(case: str, given: Path, tmp_path: Path) -> None:
    saved(tmp_path / "other", rows(4))
    damage, sentence = DAMAGE[case]
    damage(given)
    with pytest.raises(DataError, match=sentence) as caught:
        find_leaves(config(given))
    assert "\n" not in str(caught.value)


def test_splits_whose_trees_contradict_each_other_are_refused(tmp_path: Path) -> None:
    parts = {"train": rows(3), "test": [row | {"realm": "thing"} for row in rows(3)]}
    DatasetDict({name: Dataset.from_list(part, features()) for name, part in parts.items()}).save_to_disk(
        str(tmp_path / "set")
    )
    with pytest.raises(
        UserError, match=r"row 0 of the split 'test' .* puts leaf 'cat' below 'thing', but row 0 of 'train'"
    ):
        find_leaves(config(tmp_path / "set"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"levels": ("leaf", "leaf")}, "data.levels must name different columns"),
        ({"levels": ("image",)}, "data.levels must name different columns, and not 'image'"),
        ({"levels": ("mean", "leaf")}, "data.level_names gives the levels other names"),
        ({"level_names": ("a",)}, "data.level_names holds 1 name, but data.levels 2 columns"),
        ({"splits": {"test": "test"}}, "splits must name the split to train on as train"),
        ({"splits": {"train": "a", "val": "a"}}, "splits must name a split of its own for each"),
    ],
)
def test_a_wrong_section_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        config(Path("set"), **values)


def test_images_are_decoded_from_the_table_where_nothing_is_kept(given: Path) -> None:
    kept, decoded = load_data(config(given)), load_data(config(given, cache="none"))
    assert isinstance(decoded.train.inputs, ImageFiles)
    assert decoded.fingerprint == kept.fingerprint
    sent = pickle.loads(pickle.dumps(decoded.train.inputs))  # as to a process that decodes batches
    some = torch.tensor([7, 2])
    assert torch.equal(sent[some], kept.train.at(some))


def test_a_changed_folder_is_decoded_again(given: Path) -> None:
    first = load_data(config(given))
    shutil.rmtree(given)
    save_rows(given, {"train": 4, "validation": 3, "test": 3})
    assert load_data(config(given)).fingerprint != first.fingerprint


def test_no_host_is_asked(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(load_data(config(given)).train) == 12


def test_without_the_package_the_extra_is_named_before_anything_starts(
    given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    wanted = r"data\.kind hf-dataset needs datasets, which is not installed here: pip install 'hmlc-ray\[datasets\]'"
    trial = TrialConfig(data=config(given))
    for use in (lambda: check_trial(trial), lambda: find_leaves(trial.data), lambda: load_data(trial.data)):
        with pytest.raises(ConfigError, match=wanted):
            use()
