"""Tables as spreadsheets save them are read; what cannot be read is named with its line."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from field.folder_trees import trial_file
from hypothesis import given
from hypothesis import strategies as st
from made_images import make_images
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.config.data import GroceryConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import DataError, TaxonomyError, UserError
from hmlc_ray.folders.manifest import read_manifest
from hmlc_ray.taxonomies import from_csv, from_json, load_taxonomy

TREE = [["leaf", "kind", "realm"], ["tabby", "cat", "animal"], ["Eiche", "Bäume", "plant"], ["a, b", "cat", "animal"]]
LIST = [
    ["path", "leaf", "split"],
    ["cat/1.jpg", "tabby", "train"],
    ["dog/2.jpg", "Dögge", "train"],
    ["dog/3.jpg", "Dögge", "test"],
]
Write = Callable[[list[list[str]]], bytes]


def text(rows: list[list[str]], delimiter: str = ",", end: str = "\n", tail: str = "") -> str:
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in rows]
    return "".join(delimiter.join(row) + tail + end for row in quoted)


def with_index(rows: list[list[str]]) -> list[list[str]]:
    return [[str(i - 1) if i else "", *row] for i, row in enumerate(rows)]


SAVED: dict[str, Write] = {
    "as it should be": lambda rows: text(rows).encode(),
    "with a byte order mark": lambda rows: text(rows).encode("utf-8-sig"),
    "Excel's Unicode text": lambda rows: text(rows, "\t", "\r\n").encode("utf-16"),
    "UTF-16 without a mark": lambda rows: text(rows, "\t", "\r\n").encode("utf-16-le"),
    "UTF-32": lambda rows: text(rows).encode("utf-32"),
    "semicolons": lambda rows: text(rows, ";", "\r\n").encode("utf-8-sig"),
    "tabs": lambda rows: text(rows, "\t").encode(),
    "bars": lambda rows: text(rows, "|").encode(),
    "Excel's line of the delimiter": lambda rows: b"sep=;\r\n" + text(rows, ";", "\r\n").encode(),
    "line ends of Windows": lambda rows: text(rows, end="\r\n").encode(),
    "line ends of old Macs": lambda rows: text(rows, end="\r").encode(),
    "a comma more in every line": lambda rows: text(rows, tail=",").encode(),
    "three more": lambda rows: text(rows, tail=",,,").encode(),
    "a comma more in rows alone": lambda rows: (text(rows[:1]) + text(rows[1:], tail=",")).encode(),
    "empty lines and rows": lambda rows: ("\n" + text(rows) + "\n\n,,\n , ,\n").encode(),
    "everything quoted": lambda rows: "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode(),
    "spaces and capitals in the header": lambda rows: text([[f" {n.title()} " for n in rows[0]], *rows[1:]]).encode(),
    "spaces before quotes": lambda rows: "\n".join(", ".join(f'"{cell}"' for cell in row) for row in rows).encode(),
    "an index of pandas": lambda rows: text(with_index(rows)).encode(),
    "decomposed letters": lambda rows: unicodedata.normalize("NFD", text(rows)).encode(),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("cat/1.jpg", "dog/2.jpg", "dog/3.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("save", SAVED.values(), ids=SAVED)
def test_a_taxonomy_is_read(tmp_path: Path, save: Write) -> None:
    (tmp_path / "tree.csv").write_bytes(save(TREE))
    tree = from_csv(tmp_path / "tree.csv")
    assert [name.lower() for name in tree.level_names] == ["realm", "kind", "leaf"]
    assert tree.class_names[1:] == (("cat", "Bäume"), ("tabby", "Eiche", "a, b"))


@pytest.mark.parametrize("save", SAVED.values(), ids=SAVED)
def test_a_manifest_is_read(root: Path, save: Write) -> None:
    (root / "list.csv").write_bytes(save(LIST))
    found = read_manifest(root / "list.csv")
    assert found.leaf_paths == (("Dögge",), ("tabby",))
    assert {name: len(samples) for name, samples in found.samples.items()} == {"train": 2, "test": 1}


def test_a_table_of_tabs_by_its_suffix_and_json_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "tree.TSV").write_text(text(TREE, "\t"), encoding="utf-8")
    assert load_taxonomy(tmp_path / "tree.TSV").num_leaves == 3
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "tree.json").write_text(json.dumps({"tree": {"ä": ["x", "y"]}}), encoding=encoding)
        assert from_json(tmp_path / "tree.json").class_names[0] == ("ä",)


@pytest.mark.parametrize(
    ("name", "split"),
    [("Train", "train"), ("VAL", "val"), ("validation", "val"), ("dev", "val"), ("Testing", "test"), ("eval", "val")],
)
def test_splits_are_known_in_any_spelling(root: Path, name: str, split: str) -> None:
    (root / "list.csv").write_text(f"path,leaf,Split\ncat/1.jpg,a,training\ndog/2.jpg,b,{name}\n")
    assert split in read_manifest(root / "list.csv").samples


PATHS = {
    "backslashes": "dog\\2.jpg",
    "a dot before": "./dog/2.jpg",
    "both": ".\\dog\\2.jpg",
    "percent codes": "dog%2F2.jpg",
    "spaces as codes": "a%20b/ä.jpg",
    "decomposed": unicodedata.normalize("NFD", "a b/ä.jpg"),
    "composed, with codes": "a b/%C3%A4.jpg",
    "backslashes and codes": "a%20b\\%C3%A4.jpg",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_paths_are_found_as_they_are_written(root: Path, path: str, form: str) -> None:
    (root / "a b").mkdir()
    (root / "a b" / unicodedata.normalize(form, "ä.jpg")).touch()
    (root / "list.csv").write_text(f"path,leaf\ncat/1.jpg,a\n{path},b\n", encoding="utf-8")
    assert read_manifest(root / "list.csv").samples["train"][1].file.is_file()


def test_a_backslash_in_a_files_own_name_comes_first(root: Path) -> None:
    (root / "dog\\2.jpg").touch()
    (root / "list.csv").write_text("path,leaf\ndog\\2.jpg,a\ndog/2.jpg,b\n")
    assert [s.file.name for s in read_manifest(root / "list.csv").samples["train"]] == ["dog\\2.jpg", "2.jpg"]


HEAD = "path,leaf,kind\ncat/1.jpg,tabby,cat\n"
CAUSES = {
    "Windows-1252": (
        "path,leaf\ncat/1.jpg,a\ndog/2.jpg,é\n".encode("cp1252"),
        r"line 3 is not UTF-8 .*0xe9.*CSV UTF-8",
    ),
    "a workbook": (b"PK\x03\x04....", "it is a workbook or an archive and no text; save it as CSV"),
    "an old workbook": (b"\xd0\xcf\x11\xe0....", "it is a workbook and no text"),
    "compressed": (b"\x1f\x8b....", "it is compressed and no text"),
    "an absolute path of Windows": (HEAD + "C:\\data\\2.jpg,b,cat\n", r"line 3 .*'C:.*2\.jpg' is absolute"),
    "a share of Windows": (HEAD + "\\\\nas\\2.jpg,b,cat\n", "line 3 .* is absolute"),
    "a URL": (HEAD + "file:///data/2.jpg,b,cat\n", "line 3 .*'file:///data/2.jpg' is a URL"),
    "out of the root, with backslashes": (HEAD + "..\\x.jpg,b,cat\n", r"line 3 .* leads out of|there is no file"),
    "out of the root, with codes": (HEAD + "%2e%2e/%2e%2e/x.jpg,b,cat\n", "line 3 .* leads out of"),
    "a zero code": (HEAD + "cat/1%00.jpg,b,cat\n", r"line 3 .* there is no file"),
    "another case": (HEAD + "Dog/2.JPG,b,cat\n", "line 3 .*but 'dog/2.jpg' is there: upper and lower case matter"),
    "other names of columns": ("filename,label\n1,2\n", r"rename 'filename' to path and 'label' to leaf"),
    "splits by another name": (
        "path,leaf,subset\ncat/1.jpg,a,train\ndog/2.jpg,b,valid\n",
        "the column 'subset' of .* holds splits, train and valid, and no classes: call it split",
    ),
    "an unknown split": ("path,leaf,split\ncat/1.jpg,a,later\n", "line 2 .* names the split 'later'"),
    "the same row twice": (
        HEAD + "cat/1.jpg,tabby,cat\n",
        r"line 3 .* lists 'cat/1.jpg' a second time \(first in line 2",
    ),
    "a value without a column": (
        "path,leaf,\ncat/1.jpg,a,\ndog/2.jpg,b,oops\n",
        "line 3 holds 'oops' in column 3, which",
    ),
    "an open quote": ('path,leaf\n"cat/1.jpg,a\n', "line 2: .*unexpected end of data"),
    "an open quote, long before": (
        'path,leaf\ncat/1.jpg,a\n"cat/1.jpg,a\ncat/2.jpg,a\ncat/3.jpg,a\n',
        "line 3: a quote opens here a cell that reaches line 5, where it fails: unexpected end of data",
    ),
}


@pytest.mark.parametrize(("content", "sentence"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_named(root: Path, content: str | bytes, sentence: str) -> None:
    (root / "list.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=sentence) as caught:
        read_manifest(root / "list.csv")
    assert "\n" not in str(caught.value)
    assert "list.csv" in str(caught.value)


def test_the_causes_in_a_taxonomy_are_named_alike(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    for content, sentence in (
        ("leaf;kind\nä;b\n".encode("latin-1"), r"cannot read the table '.*': line 2 is not UTF-8"),
        (b"PK\x03\x04", r"cannot read the table '.*': it is a workbook"),
        (b"kind;leaf\nb;a\n", "whose first is `leaf`, got 'kind,leaf'"),
    ):
        file.write_bytes(content)
        with pytest.raises(TaxonomyError, match=sentence):
            from_csv(file)


@pytest.mark.parametrize("end", ["\r\n", "\r", ",\n", "\n\n"], ids=repr)
def test_the_lists_of_published_sets_are_read_when_they_were_saved_again(tmp_path: Path, end: str) -> None:
    products = ("Fruit/Apple/Gala", "Fruit/Kiwi")
    classes = ["Class Name (str);Class ID (int);Coarse Class Name (str)", "Gala;0;Apple", "Kiwi;1;Kiwi"]
    (tmp_path / "classes.csv").write_bytes(end.replace(",", ";").join([*classes, ""]).encode("utf-8-sig"))
    for split in ("train", "val", "test"):
        make_images(tmp_path / split, products, 2)
        lines = [
            f"{split}/{p}/{i}.png".replace("/", "\\") + f", {n}, 0" for n, p in enumerate(products) for i in (0, 1)
        ]
        (tmp_path / f"{split}.txt").write_bytes(end.join([*lines, ""]).encode("utf-8-sig"))
    data = load_data(GroceryConfig(root=str(tmp_path), image_size=8))
    assert data.taxonomy.class_names[2] == ("Gala", "Kiwi")
    assert len(data.train) == 4


CELL = st.text('abc,;\t|"\\/. é\r\n', max_size=4)


@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=4), encoding=st.sampled_from(["utf-8", "utf-16"]))
def test_any_other_cells_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], encoding: str
) -> None:
    file = tmp_path_factory.mktemp("any") / "tree.csv"
    file.write_bytes(text([["leaf", "kind"], *rows]).encode(encoding))
    for read in (from_csv, read_manifest):
        try:
            read(file)
        except UserError as error:
            problem = str(error)
        else:
            problem = "file is read"
        assert "\n" not in problem


MISTAKEN = {
    "two lines in a cell": (
        'path,leaf\n"cat/1.jpg","a\nb"\n',
        r"line 3 of .*: the name 'a.nb' holds a control",
    ),
    "a whole line in quotes": ('"path,leaf"\n"cat/1.jpg,cat"\n', "in one cell: its lines are in quotes as a whole"),
    "splits under another name": (
        "path,leaf,subset\ncat/1.jpg,cat,train\ncat/2.jpg,cat,test\n",
        r"line 3 .*if these are splits, call their column split",
    ),
    "a column that is no level": (
        "path;leaf;weight\ncat/1.jpg;cat;1,5\ncat/2.jpg;cat;2,5\n",
        "line 3 .*every column but path and split is a level",
    ),
    "a folder instead of a file": ("path,leaf\ncat,cat\n", r"line 2 .*no file 'cat' in .*, but a folder of that name"),
    "a header alone": ("path,leaf\n", "lists no sample of the split train: there is only its header"),
}


@pytest.mark.parametrize(("content", "sentence"), MISTAKEN.values(), ids=MISTAKEN)
def test_the_cause_in_a_list_is_named(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "cat").mkdir()
    for i in (1, 2):
        (tmp_path / "cat" / f"{i}.jpg").touch()
    (tmp_path / "list.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=sentence) as caught:
        read_manifest(tmp_path / "list.csv")
    assert "list.csv" in str(caught.value)


def test_hmlc_check_notes_of_a_manifest_what_training_would(tmp_path: Path) -> None:
    make_images(tmp_path, ("cat", "dog"), 2)
    file = trial_file(tmp_path, kind="manifest", file=str(tmp_path / "list.csv"))
    rows = ["path,leaf,kind,split", "cat/0.png,cat,pet,train", "dog/0.png,dog,pet,train", "cat/1.png,cat,pet,test"]
    (tmp_path / "list.csv").write_text("\n".join(rows), encoding="utf-8")
    output = CliRunner().invoke(app, ["check", str(file)]).output
    assert "note: test has no sample of 1 of 2 classes: 'dog'" in output
    assert "note: the level 'kind' has one class, 'pet'" in output
    (tmp_path / "list.csv").write_text("\n".join(rows[:2]), encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 2
    assert "list.csv' lists one class only, 'cat'; at least two are needed" in result.output
