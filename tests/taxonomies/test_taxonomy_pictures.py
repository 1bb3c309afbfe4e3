from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomies.drawing import draw
from hmlc_ray.taxonomies.named import cifar100_taxonomy, digit_taxonomy
from hmlc_ray.taxonomies.text import render_text, summarise
from hmlc_ray.taxonomy import Taxonomy

TREE = Taxonomy.from_paths(("realm", "kind"), [("animal", "dog"), ("animal", "cat"), ("plant", "oak")])


def test_the_text_of_a_tree() -> None:
    assert render_text(TREE).splitlines() == [
        "realm (2) > kind (3)",
        "├── animal",
        "│   ├── dog",
        "│   └── cat",
        "└── plant",
        "    └── oak",
    ]


def test_the_summary_of_a_tree() -> None:
    assert not TREE.is_balanced
    assert summarise(TREE) == "depth 2: 2 realm, 3 kind; unbalanced: 1 to 2 kind in each realm"
    assert cifar100_taxonomy().is_balanced
    assert summarise(cifar100_taxonomy()) == "depth 2: 20 superclass, 100 class; balanced: 5 class in each superclass"
    assert summarise(TREE.keep_levels(["kind"])) == "depth 1: 3 kind; balanced"


def test_counts_and_a_limit_on_depth() -> None:
    counts = TREE.class_counts([0, 0, 1, 2])
    assert render_text(TREE, counts=counts, depth=1).splitlines() == [
        "realm (2) > kind (3)",
        "├── animal [3] … 2 leaves",
        "└── plant [1] … 1 leaf",
    ]
    assert render_text(TREE, counts=counts).splitlines()[2] == "│   ├── dog [2]"
    assert render_text(TREE, depth=9) == render_text(TREE)
    assert render_text(TREE, depth=0) == "realm (2) > kind (3)"
    assert len(render_text(cifar100_taxonomy()).splitlines()) == 121


@pytest.mark.parametrize("name", ["tree.svg", "tree.png", "tree.pdf"])
def test_a_drawing_is_written_and_repeats_exactly(tmp_path: Path, name: str) -> None:
    first = draw(digit_taxonomy("parity"), tmp_path / name).read_bytes()
    assert first.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[name[-3:]])
    assert draw(digit_taxonomy("parity"), tmp_path / f"again-{name}").read_bytes() == first


def test_a_drawing_names_every_class(tmp_path: Path) -> None:
    root = ElementTree.parse(draw(TREE, tmp_path / "tree.svg")).getroot()
    comments = draw(TREE, tmp_path / "tree.svg").read_text(encoding="utf-8")
    assert root.tag.endswith("svg")
    for name in ("animal", "plant", "dog", "cat", "oak", "realm (2)", "kind (3)"):
        assert name in comments


@pytest.mark.parametrize("name", ["tree.svg", "tree.png", "tree.pdf"])
def test_any_name_can_be_drawn(tmp_path: Path, name: str) -> None:
    tree = Taxonomy.from_paths(("le\x01vel", "x"), [("$\\foo$", "a\udcff"), ("日本", "{b}"), ("10$ to 20$", "c\nd")])
    assert draw(tree, tmp_path / name).stat().st_size > 0


def test_where_nothing_can_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"suffix must be one of \.png, \.svg, \.pdf"):
        draw(TREE, tmp_path / "tree.bmp")
    with pytest.raises(TaxonomyError, match=r"cannot write .*No such file"):
        draw(TREE, tmp_path / "missing" / "tree.png")
