"""`hmlc taxonomy show`: every kind of source, as text, as JSON and drawn."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cli_examples import Run

from hmlc_ray.taxonomies import NAMED, from_json, load_taxonomy

UNEVEN = {"animal": {"dog": ["beagle", "collie"], "cat": ["tabby"]}, "plant": {"tree": ["oak"]}}


def test_a_named_tree(hmlc: Run) -> None:
    result = hmlc("taxonomy", "show", "digits-parity")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:3] == ["parity (2) > digit (10)", "├── even", "│   ├── 0"]
    assert lines[-1] == "depth 2: 2 parity, 10 digit; balanced: 5 digit in each parity"
    assert len(lines) == 1 + 2 + 10 + 1


def test_a_file_and_a_limit_on_depth(hmlc: Run) -> None:
    Path("tree.json").write_text(json.dumps({"level_names": ["realm", "kind", "breed"], "tree": UNEVEN}))
    result = hmlc("taxonomy", "show", "tree.json", "--depth", "1")
    assert result.stdout.splitlines() == [
        "realm (2) > kind (3) > breed (4)",
        "├── animal … 3 leaves",
        "└── plant … 1 leaf",
        "depth 3: 2 realm, 3 kind, 4 breed; unbalanced: 1 to 2 kind in each realm, 1 to 2 breed in each kind",
    ]


def test_a_table_and_folders_of_one_level(hmlc: Run) -> None:
    Path("tree.csv").write_text("leaf\na\nb\n")
    for leaf in "ab":
        Path("photos", leaf).mkdir(parents=True)
        Path("photos", leaf, "1.png").touch()
    assert hmlc("taxonomy", "show", "tree.csv").stdout.splitlines()[-1] == "depth 1: 2 leaf; balanced"
    assert hmlc("taxonomy", "show", "photos").stdout.splitlines()[-1] == "depth 1: 2 level0; balanced"


@pytest.mark.parametrize("name", NAMED)
def test_json_is_read_again_as_a_taxonomy(hmlc: Run, name: str) -> None:
    Path("tree.json").write_text(hmlc("taxonomy", "show", name, "--json").stdout)
    values = json.loads(Path("tree.json").read_text())
    tree = load_taxonomy(name)
    assert from_json("tree.json").to_dict() == tree.to_dict()
    assert values["num_classes"] == list(tree.num_classes)
    assert values["balanced"] is (name in ("digits-parity", "digits-magnitude", "cifar100"))


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_drawing(hmlc: Run, options: list[str]) -> None:
    result = hmlc("taxonomy", "show", "digits-parity", "--draw", "tree.svg", *options)
    assert result.exit_code == 0
    assert Path("tree.svg").read_text(encoding="utf-8").startswith("<?xml")
    if options:
        json.loads(result.stdout)
    else:
        assert result.stdout.splitlines()[-1] == "drawing: tree.svg"


def test_classes_that_cannot_be_shown_become_question_marks(hmlc: Run) -> None:
    for leaf in (b"tree/a\xff/x", b"tree/b/y"):
        os.makedirs(leaf)
        Path(os.fsdecode(leaf), "1.png").touch()
    result = hmlc("taxonomy", "show", "tree", "--draw", "tree.svg")
    assert result.exit_code == 0, result.stderr
    assert "├── a?" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["cifar10"],
            "'cifar10' is no taxonomy: it must be a folder of class folders, a .csv or .json file, or one of ",
        ),
        (["digits-parity", "--draw", "t.bmp"], "cannot draw to 't.bmp': its suffix must be one of .png, .svg, .pdf"),
        (["digits-parity", "--draw", "no/t.svg"], "cannot write 'no/t.svg': No such file or directory"),
        (
            ["uneven.json"],
            "leaf 'a/x' lies 2 levels deep where 3 are expected: every leaf needs a path of the same depth",
        ),
    ],
)
def test_wrong_input_is_one_sentence(hmlc: Run, arguments: list[str], sentence: str) -> None:
    Path("uneven.json").write_text('{"tree": {"a": ["x"], "b": {"c": ["y"]}}}')
    result = hmlc("taxonomy", "show", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"hmlc: {sentence}")
    assert result.stderr.count("\n") == 1


def test_no_level_at_all_is_a_usage_error(hmlc: Run) -> None:
    assert hmlc("taxonomy", "show", "cifar100", "--depth", "0").exit_code == 2
