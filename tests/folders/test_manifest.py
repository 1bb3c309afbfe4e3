"""A manifest is read to the last cell, and each mistake in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmlc_ray.errors import DataError, TaxonomyError, UserError
from hmlc_ray.folders.manifest import read_level_names, read_manifest

GOOD = """path,leaf,kind,realm,split
a/1.png,beagle,dog,animal,train
a/2.png, tabby ,cat,animal,train

b/3.png,"oak, old",tree,plant,test
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (tmp_path / "secret.png").touch()
    return folder


def write(root: Path, text: str) -> Path:
    file = root / "list.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_become_samples_of_their_splits(root: Path) -> None:
    manifest = read_manifest(write(root, GOOD))
    assert manifest.level_names == ("realm", "kind", "leaf")
    assert manifest.leaf_paths == (
        ("animal", "cat", "tabby"),
        ("animal", "dog", "beagle"),
        ("plant", "tree", "oak, old"),
    )
    assert {name: [sample.file.name for sample in rows] for name, rows in manifest.samples.items()} == {
        "train": ["1.png", "2.png"],
        "test": ["3.png"],
    }
    assert read_level_names(root / "list.csv") == manifest.level_names


def test_columns_may_stand_anywhere_and_the_root_elsewhere(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "lists" / "list.csv"
    file.parent.mkdir()
    file.write_text("\ufeffLeaf,Path\nx,a/1.png\ny,./b/../b/3.png\n", encoding="utf-8")
    manifest = read_manifest(file, root)
    assert manifest.level_names == ("leaf",)
    assert [sample.file for sample in manifest.samples["train"]] == [root / "a" / "1.png", root / "b" / "3.png"]


def test_a_link_inside_the_root_is_followed(root: Path) -> None:
    (root / "link.png").symlink_to(root / "a" / "1.png")
    (root / "there").symlink_to(root / "b")
    manifest = read_manifest(write(root, "path,leaf\nlink.png,x\nthere/3.png,y\n"))
    assert len(manifest.samples["train"]) == 2


HEAD = "path,leaf,kind\na/1.png,beagle,dog\n"
MISTAKES = {
    "missing file": (HEAD + "a/9.png,tabby,cat\n", r"line 3 of .*list\.csv': there is no file 'a/9.png' in"),
    "a folder": (HEAD + "b,tabby,cat\n", r"line 3 of .*: there is no file 'b'"),
    "absolute": (HEAD + "/etc/passwd,tabby,cat\n", r"line 3 of .*: the path '/etc/passwd' is absolute"),
    "dots": (HEAD + "../secret.png,tabby,cat\n", r"line 3 of .*: the path '../secret.png' leads out of"),
    "linked file": (HEAD + "out.png,tabby,cat\n", r"line 3 of .*: the path 'out.png' leads out of"),
    "linked folder": (HEAD + "up/secret.png,tabby,cat\n", r"line 3 of .*: the path 'up/secret.png' leads out of"),
    "duplicate": (
        HEAD + "a/../a/1.png,tabby,cat\n",
        r"line 3 of .* lists 'a/../a/1.png' a second time \(first in line 2\)",
    ),
    "two parents": (
        HEAD + "a/2.png,beagle,cat\n",
        r"line 3 of .* puts 'beagle' below 'cat', but line 2 below 'dog'; a class has one parent",
    ),
    "empty cell": (HEAD + "a/2.png,,cat\n", r"line 3 of .* fills 2 of 3 columns"),
    "short row": (HEAD + "a/2.png\n", r"line 3 of .* fills 1 of 3 columns"),
    "unknown split": (
        "path,leaf,split\na/1.png,x,train\na/2.png,y,later\n",
        r"line 3 of .* names the split 'later'; .*train, val, test",
    ),
    "no train": ("path,leaf,split\na/1.png,x,test\n", r"lists no sample of the split train"),
    "no header": ("a/1.png,beagle,dog\n", r"must start with a header like path,leaf,parent"),
    "leaf is not first": ("path,kind,leaf\n", r"must start with a header like path,leaf,parent"),
    "twice the same level": ("path,leaf,kind,kind\n", r"the header of .* is wrong: level names must differ"),
    "a bell in a level": ("path,leaf,ki\and\n", r"the header of .* is wrong: the name .ki\\x07nd. holds a control"),
    "empty": ("", r"list\.csv' is empty; its first line must be a header"),
    "header alone": ("path,leaf\n", r"lists no sample of the split train"),
    "an open quote": ('path,leaf\n"a/1.png,x\n', r"cannot read the manifest .*list\.csv'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_with_its_line(root: Path, mistake: str) -> None:
    (root / "out.png").symlink_to(root.parent / "secret.png")
    (root / "up").symlink_to(root.parent)
    text, sentence = MISTAKES[mistake]
    with pytest.raises(UserError, match=sentence) as caught:
        read_manifest(write(root, text))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, TaxonomyError if mistake == "two parents" else DataError)


def test_missing_files_and_folders_are_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the manifest .*nothing\.csv': No such file"):
        read_manifest(root / "nothing.csv")
    with pytest.raises(DataError, match="there is no data folder"):
        read_manifest(write(root, GOOD), root / "nowhere")
    (root / "bytes.csv").write_bytes(b"path,leaf\n\xff\xfe,x\n")
    with pytest.raises(DataError, match="cannot read the manifest"):
        read_manifest(root / "bytes.csv")
