"""Tables of features: every form, what is left out, and one sentence for what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from made_features import NAMES, made, write_features
from pyarrow import parquet

from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.levels import level_names
from hmlc_ray.data import DataSet, load_data
from hmlc_ray.data.column_statistics import column_statistics
from hmlc_ray.errors import DataError, UserError
from hmlc_ray.folders.split_names import open_set_role

ROWS, LEAF = made()
COARSE, FINE = [NAMES[leaf][0] for leaf in LEAF], [NAMES[leaf][1] for leaf in LEAF]
SPLIT = [["train", "train", "dev", "test"][row % 4] for row in range(len(LEAF))]


def config(file: Path, **settings: object) -> FeaturesConfig:
    return FeaturesConfig.model_validate({"file": str(file), **settings})


def load(file: Path, **settings: object) -> DataSet:
    data = load_data(config(file, **settings))
    assert level_names(config(file, **settings)) == data.taxonomy.level_names
    return data


def sizes(data: DataSet) -> list[int]:
    assert data.val is not None
    return [len(part) for part in (data.train, data.val, data.test)]


def _npy(folder: Path, dtype: str = "f4") -> Path:
    write_features(folder, splits=True)
    np.save(folder / "features.npy", ROWS.astype(dtype))
    return folder


def _npz(folder: Path) -> Path:
    np.savez_compressed(
        folder / "t.npz", features=ROWS, leaf=np.array(FINE), kind=np.array(COARSE), split=np.array(SPLIT)
    )
    return folder / "t.npz"


def _listed(folder: Path, of: Callable[..., Any] = pa.list_) -> Path:
    features = pa.array(ROWS.tolist(), of(pa.float32()))
    table = pa.table({"features": features, "leaf": FINE, "kind": pa.array(COARSE).dictionary_encode(), "split": SPLIT})
    parquet.write_table(table, folder / "t.parquet")
    return folder / "t.parquet"


def _wide(folder: Path) -> Path:
    columns = {f"x{place}": ROWS[:, place].astype(np.float64) for place in range(ROWS.shape[1])}
    parquet.write_table(pa.table({"leaf": FINE, **columns, "kind": COARSE, "split": SPLIT}), folder / "t.parquet")
    return folder / "t.parquet"


FORMS: dict[str, Callable[[Path], Path]] = {
    "npy": _npy,
    "npy of float64": lambda folder: _npy(folder, "f8"),
    "npy in Fortran's order": lambda folder: (
        _npy(folder), np.save(folder / "features.npy", np.asfortranarray(ROWS)))[0],
    "npz": _npz,
    "parquet of lists": _listed,
    "parquet of large lists": lambda folder: _listed(folder, pa.large_list),
    "parquet of fixed lists": lambda folder: _listed(folder, lambda kind: pa.list_(kind, ROWS.shape[1])),
    "parquet of columns": _wide,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_data(form: str, tmp_path: Path) -> None:
    data = load(FORMS[form](tmp_path))
    assert data.taxonomy.level_names == ("kind", "leaf")
    assert data.taxonomy.class_names == (("a", "b"), ("p", "q", "r", "s"))
    assert sizes(data) == [24, 12, 12]
    assert data.input_shape == (8,)
    assert data.train.inputs.dtype == torch.float32
    for part in (data.train, data.val, data.test):
        assert part is not None
        assert part.rows is not None
        torch.testing.assert_close(part.at(torch.arange(len(part))), torch.from_numpy(ROWS[part.rows.numpy()]))
        assert part.leaf.tolist() == [LEAF[row] for row in part.rows.tolist()]
    assert data.fingerprint == load(_npy(tmp_path / "same")).fingerprint


def test_a_float32_file_is_mapped_and_others_are_converted_with_what_they_lose(tmp_path: Path) -> None:
    assert load(_npy(tmp_path / "a")).train.mapped
    half = load(_npy(tmp_path / "b", "f2"))
    assert not half.train.mapped
    np.testing.assert_array_equal(half.train.inputs[:].numpy(), ROWS.astype(np.float16).astype(np.float32))


def test_splits_of_other_names_and_rows_without_a_label_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = write_features(tmp_path, splits=True)
    lines = (folder / "labels.csv").read_text().splitlines()
    lines[-1] = "47,,,unlabelled"
    del lines[3]
    (folder / "labels.csv").write_text("\n".join(lines))
    data = load(folder)
    assert sum(sizes(data)) == 46
    assert data.open_set == {}
    assert "rows of other splits are left out: 1 unlabelled" in data.notes
    assert "1 of 48 rows of the table has no label and is left out" in data.notes
    assert data.taxonomy.class_names[1] == ("p", "q", "r", "s")


NO_CLASS = {
    44: "oos,oos,oos_test",
    45: ",,OOD",
    46: "z,,oos_val",
    47: "z,zz,oos_train",
    41: "q,a,ood_test",
    42: "z,b,ood_test",
    43: "z,zz,unknown",
}
"""Leaf, kind and split of rows: three of no class, one of no class for training, two of known classes, one unclear."""


def _with_open_set(folder: Path) -> Path:
    write_features(folder, splits=True)
    lines = (folder / "labels.csv").read_text().splitlines()
    for row, cells in NO_CLASS.items():
        lines[1 + row] = f"{row},{cells}"
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def test_rows_of_no_class_are_the_open_set_of_their_split_and_change_nothing_else(tmp_path: Path) -> None:
    data = load(_with_open_set(tmp_path / "a"))
    assert {split: part.rows.tolist() for split, part in data.open_set.items()} == {"test": [44, 45], "val": [46]}  # type: ignore[union-attr]
    assert all((part.leaf == -1).all() for part in data.open_set.values())
    torch.testing.assert_close(data.open_set["test"].at(torch.arange(2)), torch.from_numpy(ROWS[44:46]))
    assert "rows of no class are for the open-set metrics alone: 1 oos_test, 1 OOD, 1 oos_val" in data.notes
    assert "rows of other splits are left out: 1 unknown, 1 oos_train, 2 ood_test" in data.notes
    (tmp_path / "b").mkdir()
    np.save(tmp_path / "b" / "features.npy", ROWS)
    lines = (tmp_path / "a" / "labels.csv").read_text().splitlines()
    (tmp_path / "b" / "labels.csv").write_text("\n".join(line for n, line in enumerate(lines) if n - 1 not in NO_CLASS))
    assert load(tmp_path / "b").fingerprint == data.fingerprint


def test_rows_of_no_class_in_a_table_of_its_own_and_rows_of_it_that_are_not_finite(tmp_path: Path) -> None:
    dirty = ROWS.copy()
    dirty[44, 1] = np.nan
    columns = [list(column) for column in (FINE, COARSE, SPLIT)]
    for row in (44, 45):
        for column, cell in zip(columns, NO_CLASS[row].split(","), strict=True):
            column[row] = cell
    leaf, kind, split = map(np.array, columns)
    np.savez(tmp_path / "t.npz", features=dirty, leaf=leaf, kind=kind, split=split)
    data = load(tmp_path / "t.npz")
    assert data.open_set["test"].rows.tolist() == [45]  # type: ignore[union-attr]
    assert "1 row of no class holds numbers that are not finite and is left out" in data.notes


@pytest.mark.parametrize(
    ("name", "role"),
    [("oos_test", "test"), ("test-OOD", "test"), ("oosTest", "test"), ("OOS", "test"), ("out of scope", "test"),
     ("out-of-distribution/dev", "val"), ("openSet_validation", "val"), ("unknown_test", "test"),
     ("novel test", "test"), ("oos_train", None), ("unknown", None), ("novel", None), ("test", None), ("extra", None),
     ("oos_extra", None), ("good_test", None), ("outdoor", None)],
)  # fmt: skip
def test_names_of_splits_that_mean_samples_of_no_class(name: str, role: str | None) -> None:
    assert open_set_role(name) == role


def test_labels_need_no_numbers_no_splits_and_any_order_of_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    lines = ["kind;leaf"] + [f"{a};{b}" for a, b in zip(COARSE, FINE, strict=True)]
    (tmp_path / "x.csv").write_text("\r\n".join(lines))
    plain = load(tmp_path / "x.npy", levels=("kind", "leaf"))
    assert sum(sizes(plain)) == 48
    turned = [f"{row},{COARSE[row]},{FINE[row]}" for row in reversed(range(48))]
    (tmp_path / "other.csv").write_text("\n".join(["ROW,kind,leaf", *turned]))
    other = load(tmp_path / "x.npy", levels=("kind", "leaf"), labels=str(tmp_path / "other.csv"))
    assert other.taxonomy.to_dict() == plain.taxonomy.to_dict()
    assert other.train.leaf.tolist() == [LEAF[row] for row in other.train.rows.tolist()]  # type: ignore[union-attr]


def test_one_level_is_enough_and_levels_may_be_chosen(tmp_path: Path) -> None:
    folder = write_features(tmp_path)
    assert load(folder, levels=("leaf",)).taxonomy.level_names == ("leaf",)
    assert load(folder, levels=("kind",)).taxonomy.class_names == (("a", "b"),)


def test_rows_that_are_not_finite_are_refused_or_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_features(tmp_path)
    dirty = ROWS.astype(np.float64)
    dirty[5, 2], dirty[40, 0] = np.nan, 1e300
    np.save(folder / "features.npy", dirty)
    with pytest.raises(
        DataError, match=r"row 5 of '.*' holds a number that is not finite.*, one of 2 such rows: .*skip"
    ):
        load(folder)
    with caplog.at_level(logging.WARNING):
        data = load(folder, on_bad_row="skip")
    assert "2 of 48 rows were skipped" in caplog.text
    assert sum(sizes(data)) == 46


def _damaged(folder: Path, **content: object) -> Path:
    write_features(folder)
    for name, value in content.items():
        file = folder / name.replace("_", ".")
        if isinstance(value, np.ndarray):
            np.save(file, value, allow_pickle=True)
        else:
            file.write_bytes(value if isinstance(value, bytes) else str(value).encode())
    return folder


def _lines(*lines: str) -> str:
    return "\n".join(["row,leaf,kind,split", *lines])


WRONG: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "cut off": ({"features_npy": b"\x93NUMPY"}, {}, "it is not an NPY file"),
    "pickled": ({"features_npy": np.array([{}])}, {}, "pickled Python objects"),
    "one column of numbers": ({"features_npy": ROWS[:, 0]}, {}, r"has the shape \[48\], not \[rows, features\]"),
    "a web page": ({"features_npy": b"<html>"}, {}, "it is a web page"),
    "fewer rows": ({"features_npy": ROWS[:9]}, {}, r"has a label for row 47, but the table .* has 9 rows"),
    "constant": ({"features_npy": np.ones((48, 8), np.float32)}, {}, "all rows of train .* are the same"),
    "no header": ({"labels_csv": ""}, {}, "the file of labels .* is empty"),
    "not UTF-8": ({"labels_csv": b"row,leaf\n0,\xe9t\xe9\n"}, {}, "cannot read the file of labels .*UTF-8"),
    "a row twice": ({"labels_csv": _lines("0,p,a,train", "0,q,a,train")}, {},
        "line 3 .* names row 0 a second time, after line 2"),
    "no row": ({"labels_csv": _lines("x,p,a,train")}, {}, "line 2 .* has 'x' in the column row"),
    "a row of thousands of digits": ({"labels_csv": _lines("9" * 5000 + ",p,a,train")}, {},
        "has '9999.* in the column row"),
    "a negative row": ({"labels_csv": _lines("-1,p,a,train")}, {}, "has '-1' in the column row"),
    "a missing class": ({"labels_csv": _lines("0,p,,train")}, {}, "line 2 .* has no class in the column 'kind'"),
    "a missing split": ({"labels_csv": _lines("0,p,a,")}, {}, "line 2 .* names no split"),
    "two parents": ({"labels_csv": _lines("0,p,a,train", "1,p,b,train")}, {},
        "line 3 .* puts 'p' below 'b', but line 2 below 'a'"),
    "no train": ({"labels_csv": _lines("0,p,a,trian")}, {}, "has no row of the split train: its splits are 'trian'"),
    "one class": ({"labels_csv": _lines("0,p,a,train")}, {}, "has one class only, 'p'"),
    "a column twice": ({"labels_csv": "leaf,leaf\np,a\n"}, {}, "several columns 'leaf'"),
    "no classes": ({"labels_csv": "row,split\n0,train\n"}, {}, "has no column of classes"),
    "another number of labels": ({"labels_csv": "leaf\np\nq\n"}, {}, "has 2 labels, but the table .* has 48 rows"),
    "a level that is not there": ({}, {"levels": ("realm", "leaf")},
        "data.levels names the column 'realm', but .* has 'row', 'leaf'"),
    "no such labels": ({}, {"labels": "nowhere.csv"}, "there is no file of labels"),
    "too few": ({"labels_csv": _lines("0,p,a,train", "1,q,a,train")}, {}, "leaf 'p' has 1 training sample"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_table_is_one_sentence(name: str, tmp_path: Path) -> None:
    content, settings, reason = WRONG[name]
    with pytest.raises(UserError, match=reason) as caught:
        load_data(config(_damaged(tmp_path, **content), **settings))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    for file, reason in (
        (tmp_path, "holds none of features.npy"),
        (tmp_path / "x.npy", "there is no table of features"),
        (tmp_path / "folder", "there is no table of features"),
        (Path(__file__), "must be a file of type .npy, .npz, .parquet"),
    ):
        with pytest.raises(DataError, match=reason):
            load_data(config(file))
    np.save(tmp_path / "x.npy", ROWS)
    with pytest.raises(DataError, match=r"neither 'labels.csv' nor 'x.csv' is beside it; data.labels names"):
        load_data(config(tmp_path / "x.npy"))
    for suffix in (".npz", ".parquet"):
        (tmp_path / "bad").with_suffix(suffix).write_bytes(b"PK nothing of that kind")
        with pytest.raises(DataError, match=r"cannot read the table '.*bad") as caught:
            load_data(config((tmp_path / "bad").with_suffix(suffix)))
        assert "\n" not in str(caught.value)


def test_which_array_holds_the_features_is_said_where_it_is_not_clear(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", one=ROWS, leaf=np.array(FINE))
    with pytest.raises(DataError, match=r"data.array says which of 'one', 'leaf' they are"):
        load_data(config(tmp_path / "t.npz"))
    assert sum(sizes(load(tmp_path / "t.npz", array="one"))) == 48
    with pytest.raises(DataError, match=r"data.array is 'two', but .* holds 'one', 'leaf'"):
        load_data(config(tmp_path / "t.npz", array="two"))
    lists = pa.array([[1.0, 2.0], [1.0]] * 24)
    parquet.write_table(pa.table({"features": lists, "leaf": FINE}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="differ in length"):
        load_data(config(tmp_path / "t.parquet"))


def _parquet(folder: Path, **columns: object) -> Path:
    parquet.write_table(pa.table({"leaf": FINE, "kind": COARSE, **columns}), folder / "t.parquet")
    return folder / "t.parquet"


def test_an_index_that_pandas_wrote_is_no_level(tmp_path: Path) -> None:
    data = load(_parquet(tmp_path, features=ROWS.tolist(), __index_level_0__=list(range(48))))
    assert data.taxonomy.level_names == ("kind", "leaf")


def test_whole_numbers_that_pandas_made_real_are_classes_where_they_are_named(tmp_path: Path) -> None:
    """Nobody loses a level without a word, nor trains on a label among the features."""
    numbers = [float(leaf) for leaf in LEAF]
    file = _parquet(tmp_path, features=ROWS.tolist(), number=numbers)
    assert "not read as classes: 'number'" in " ".join(load(file).notes)
    named = load(file, levels=("kind", "number"))
    assert named.taxonomy.class_names == (("a", "b"), ("0", "1", "2", "3"))
    assert not [note for note in named.notes if "not read as classes" in note]
    wide = {f"c{place}": column for place, column in enumerate(ROWS.T)}
    file = _parquet(tmp_path, **wide, number=numbers, row=numbers[::-1])
    with pytest.raises(DataError, match="names row 3 a second time"):
        load(file)
    file = _parquet(tmp_path, **wide, number=numbers, row=[float(row) for row in reversed(range(48))])
    turned = load(file, levels=("kind", "number"))
    assert turned.input_shape == (8,)
    first = turned.train.rows.tolist()[0]  # type: ignore[union-attr]
    assert turned.train.leaf.tolist()[0] == LEAF[47 - first]
    with pytest.raises(DataError, match=r"the column 'number' holds 0.5, and classes are texts or whole numbers"):
        load(_parquet(tmp_path, features=ROWS.tolist(), number=[0.5] * 48), levels=("number",))
    with pytest.raises(DataError, match=r"row 7 of .* has no class in the column 'number'"):
        load(
            _parquet(tmp_path, features=ROWS.tolist(), number=[*numbers[:7], np.nan, *numbers[8:]]), levels=("number",)
        )


def test_labels_that_are_pickled_say_what_to_save_instead(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", features=ROWS, leaf=np.array(FINE, dtype=object))
    with pytest.raises(DataError, match=r"the array 'leaf': .* pickled .* an array of texts, by .astype\(str\)"):
        load(tmp_path / "t.npz")


def test_a_column_that_hardly_varies_is_not_blown_up(tmp_path: Path) -> None:
    """By the training rows alone: what varies in others says nothing."""
    folder = write_features(tmp_path, splits=True)
    rows = ROWS.copy()
    rows[:, 3] = 0.25 + 1e-8 * np.arange(48)
    rows[[row for row in range(48) if SPLIT[row] != "train"], 3] = 7
    np.save(folder / "features.npy", rows)
    data = load(folder)
    found = column_statistics(data.train)
    train = torch.from_numpy(rows[[row for row in range(48) if SPLIT[row] == "train"]]).double()
    torch.testing.assert_close(found.mean, train.mean(dim=0).float())
    deviation = train.std(dim=0, correction=0)
    assert found.constant.tolist() == [place == 3 for place in range(8)]
    others = [place for place in range(8) if place != 3]
    torch.testing.assert_close(found.deviation[others], deviation[others].float())
    assert found.deviation[3] == deviation[deviation > 0].median().float()
    assert "1 of 8 columns hardly varies in train (3) and is not scaled up" in data.notes


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_table_is_refused_in_one_sentence_or_read(form: str, tmp_path: Path) -> None:
    file, rng = FORMS[form](tmp_path), np.random.default_rng(7)
    table = file if file.is_file() else file / "features.npy"
    content, refused = table.read_bytes(), 0
    for attempt in range(12):
        damaged = bytearray(content if attempt % 3 else content[: rng.integers(0, len(content))])
        for place in rng.integers(0, max(1, len(damaged)), 4):
            damaged[place : place + 1] = rng.bytes(1)
        table.write_bytes(damaged)
        try:
            load_data(config(file))
        except UserError as error:
            refused += str(error).count("\n") == 0
    assert refused >= 4
