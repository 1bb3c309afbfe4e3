"""`hmlc taxonomy`: every kind of source, as text, as JSON and drawn; and trees that are induced."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
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
            "'cifar10' is not a taxonomy: it must be a folder of class folders, a .csv or .json file, or one of ",
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


MEANS = np.array([[0.0, 0], [9, 9], [0, 1], [9, 8], [0, 2], [9, 7], [1, 0], [8, 9], [1, 1], [8, 8]])
"""Of the ten digits: even ones lie together, and odd ones."""


def test_an_induced_tree_is_written_checked_and_read_again(hmlc: Run) -> None:
    np.save("means.npy", MEANS)
    section = "data.taxonomy={kind: induced, classes: [2], source: means.npy}"
    made = hmlc("taxonomy", "induce", "digits", "-o", section, "--out", "tree.json", "--depth", "1")
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines() == [
        "induced0 (2) > leaf (10)",
        "├── induced0-0 … 5 leaves",
        "└── induced0-1 … 5 leaves",
        "depth 2: 2 induced0, 10 leaf; balanced: 5 leaf in each induced0",
        "tree: tree.json",
    ]
    assert made.stderr == "the tree is induced from the features of means.npy\n"
    assert load_taxonomy("tree.json").leaf_paths[:, 0].tolist() == [0, 1] * 5
    shown = hmlc("data", "show", "digits", "-o", section, "--json")
    read = hmlc("data", "show", "digits", "-o", "data.taxonomy={kind: file, file: tree.json}", "--json")
    assert json.loads(shown.stdout)["fingerprint"] == json.loads(read.stdout)["fingerprint"]
    assert [level["name"] for level in json.loads(read.stdout)["levels"]] == ["induced0", "leaf"]


def test_a_tree_is_written_as_json_alone(hmlc: Run) -> None:
    np.save("means.npy", MEANS)
    section = "data.taxonomy={kind: induced, source: means.npy}"
    refused = hmlc("taxonomy", "induce", "digits", "-o", section, "--out", "tree.csv")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (
        2,
        "hmlc: a tree is written to a .json file, not to 'tree.csv'",
    )
    refused = hmlc("taxonomy", "induce", "digits", "-o", section, "--out", "nowhere/tree.json")
    assert refused.exit_code == 2
    assert "hmlc: cannot write 'nowhere/tree.json': No such file or directory" in refused.stderr


TRIAL = "data: {kind: digits, taxonomy: TREE}\nobjective: {kind: sum-supcon, level_weights: [1.0, 2.0]}\n"


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (
            "{kind: induced}",
            "induced, agglomerative, 2 levels with numbers of classes by silhouette, from the features of a first "
            "training of 10 epochs of cross-entropy, when the run or study starts",
        ),
        (
            "{kind: induced, from: confusion, classes: [4], source: none.csv, shuffled: true, shuffle_seed: 3}",
            "induced, agglomerative, 4 classes above the leaves, from the confusions of none.csv, which is not a file "
            "on this machine; leaves shuffled with seed 3",
        ),
        (
            "{kind: induced, method: divisive, training: {epochs: 0}}",
            "induced, divisive, 2 levels with numbers of classes by silhouette, from the features of the encoder as it "
            "begins",
        ),
        ("{shuffled: true}", "the data set's own; leaves shuffled with seed 0"),
        ("{kind: file, file: tree.csv}", "of tree.csv, 10 leaves, levels size, leaf"),
    ],
)
def test_check_says_which_tree_would_be_made_and_makes_none(hmlc: Run, section: str, line: str) -> None:
    Path("tree.csv").write_text("leaf,size\n" + "".join(f"{digit},s{digit % 3}\n" for digit in range(10)))
    Path("trial.yaml").write_text(TRIAL.replace("TREE", section))
    checked = hmlc("check", "trial.yaml")
    assert checked.exit_code == 0, checked.output
    assert checked.stdout.splitlines()[-1] == f"  tree: {line}"
    assert sorted(path.name for path in Path().iterdir()) == ["tree.csv", "trial.yaml"]
    wrong = hmlc("check", "trial.yaml", "-o", "objective.level_weights=[1.0, 1.0, 1.0]")
    assert "holds 3 values, one is needed for each of the 2 levels" in wrong.stderr


def test_check_says_which_levels_are_kept_and_which_leaves_a_tree_lacks(hmlc: Run) -> None:
    for leaf in "ab":
        Path("photos", leaf).mkdir(parents=True)
        Path("photos", leaf, "1.png").touch()
    Path("trial.yaml").write_text("data: {kind: image-folder, root: photos, keep_levels: [level0]}\n")
    assert hmlc("check", "trial.yaml").stdout.splitlines()[-1] == "  tree: the data set's own; levels kept: level0"
    Path("tree.csv").write_text("leaf,kind\na,x\nc,x\n")
    lacking = hmlc(
        "check", "trial.yaml", "-o", "data.taxonomy={kind: file, file: tree.csv}", "-o", "data.keep_levels=null"
    )
    assert lacking.exit_code == 2
    assert "the tree of 'tree.csv' lacks 1 of the 2 leaves of the data, 'b' for one" in lacking.stderr
