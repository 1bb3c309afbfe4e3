from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomy import Taxonomy

UNBALANCED = [("a", "a0", "a00"), ("a", "a0", "a01"), ("a", "a1", "a10"), ("b", "b0", "b00"), ("c", "c0", "c00")]


@st.composite
def taxonomies(draw: st.DrawFn) -> Taxonomy:
    """Trees of 1 to 5 levels whose inner nodes have 1 to 3 children, at least two leaves, in any order."""
    paths: list[tuple[str, ...]] = [()]
    for _ in range(draw(st.integers(1, 5))):
        paths = [(*path, str(child)) for path in paths for child in range(draw(st.integers(1, 3)))]
    if len(paths) < 2:
        paths.append(("1",) * len(paths[0]))
    return Taxonomy.from_paths([f"level{h}" for h in range(len(paths[0]))], draw(st.permutations(paths)))


def test_paths_parents_and_counts() -> None:
    tree = Taxonomy.from_paths(("top", "mid", "leaf"), UNBALANCED)
    assert (tree.num_levels, tree.num_leaves, tree.num_classes) == (3, 5, (3, 4, 5))
    assert [level.tolist() for level in tree.parents] == [[0, 0, 0], [0, 0, 1, 2], [0, 0, 1, 2, 3]]
    assert tree.paths([4, 1]).tolist() == [[2, 3, 4], [0, 0, 1]]
    assert [level.tolist() for level in tree.class_counts([0, 0, 2, 3])] == [[3, 1, 0], [2, 1, 1, 0], [2, 0, 1, 1, 0]]
    assert [tree.level_index(level) for level in ("top", 1, "leaf")] == [0, 1, 2]
    assert Taxonomy.from_dict(tree.to_dict()).to_dict() == tree.to_dict()


def test_heights_and_distances() -> None:
    tree = Taxonomy.from_paths(("top", "mid", "leaf"), UNBALANCED)
    expected = [[0, 1, 2, 3, 3], [1, 0, 2, 3, 3], [2, 2, 0, 3, 3], [3, 3, 3, 0, 3], [3, 3, 3, 3, 0]]
    leaves = np.arange(5)
    assert tree.lca_height(leaves[:, None], leaves).tolist() == expected


@settings(max_examples=25, deadline=None)
@given(tree=taxonomies())
def test_heights_are_an_ultrametric_that_the_parents_confirm(tree: Taxonomy) -> None:
    leaves = np.arange(tree.num_leaves)
    heights = tree.lca_height(leaves[:, None], leaves)
    for first in range(tree.num_leaves):
        for second in range(tree.num_leaves):
            a, b, steps = first, second, 0
            for parents in reversed(tree.parents):
                steps += a != b
                a, b = int(parents[a]), int(parents[b])
            assert heights[first, second] == steps
    assert (heights[:, :, None] <= np.maximum(heights[:, None, :], heights.T[None])).all()


@settings(max_examples=25, deadline=None)
@given(tree=taxonomies(), data=st.data())
def test_contained_paths_are_the_paths_of_leaves(tree: Taxonomy, data: st.DataObject) -> None:
    assert tree.contains(tree.leaf_paths).all()
    columns = [data.draw(st.integers(0, count - 1)) for count in tree.num_classes]
    assert tree.contains([columns]).tolist() == [columns in tree.leaf_paths.tolist()]


def test_paths_of_the_wrong_shape_or_with_unknown_leaves_are_refused() -> None:
    tree = Taxonomy.from_paths(("top", "leaf"), [("a", "x"), ("b", "y")])
    with pytest.raises(TaxonomyError, match=r"shape \[n, 2\], got \[3\]"):
        tree.contains([0, 1, 0])
    with pytest.raises(TaxonomyError, match="leaf label 2 is not in the taxonomy, which has leaves 0 to 1"):
        tree.contains([[0, 2]])
    with pytest.raises(TaxonomyError, match="leaf label -1"):
        tree.paths([-1])


def test_dropping_levels_keeps_leaves_and_the_order_of_levels() -> None:
    tree = Taxonomy.from_paths(("top", "mid", "leaf"), UNBALANCED)
    kept = tree.keep_levels(["leaf", "top"])
    assert kept.level_names == ("top", "leaf")
    assert kept.class_names == (("a", "b", "c"), tree.class_names[2])
    assert kept.leaf_paths.tolist() == [[0, 0], [0, 1], [0, 2], [1, 3], [2, 4]]
    assert tree.keep_levels([2]).num_classes == (5,)
    with pytest.raises(TaxonomyError, match="leaf level 'leaf' must be kept"):
        tree.keep_levels(["top", "mid"])
    with pytest.raises(TaxonomyError, match="no level 'genus'"):
        tree.keep_levels(["genus", "leaf"])


def test_children_of_the_same_name_below_two_parents_are_two_classes() -> None:
    tree = Taxonomy.from_paths(("shelf", "item"), [("fruit", "orange"), ("colour", "orange"), ("colour", "red")])
    assert tree.class_names[1] == ("fruit/orange", "colour/orange", "red")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([("a", "x"), ("a", "y", "z")], "'a/y/z' lies 3 levels deep where 2 are expected"),
        ([("a", "x"), ("a", "x")], "'a/x' is listed twice"),
        ([("a", "x")], "at least two leaves, got 1"),
        ([], "at least two leaves, got 0"),
    ],
)
def test_wrong_paths_are_refused(paths: list[tuple[str, ...]], message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        Taxonomy.from_paths(("top", "leaf"), paths)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"leaf_paths": [[0, 0], [1, 1], [0, 1]]}, "list the leaves in order"),
        ({"leaf_paths": [[0, 0], [2, 1]]}, "must use each of its 2 classes"),
        ({"leaf_paths": [[0], [1]]}, "do not agree on the number of levels"),
        ({"level_names": ["x", "x"]}, "level names must differ"),
        ({"level_names": ["top", ""]}, "must be texts that are not empty"),
        ({"level_names": ["top", 3]}, "must be texts that are not empty"),
        ({"level_names": ["top", "mean"]}, "no level can be called 'mean'"),
        ({"level_names": ["leaf", "kind"]}, "no level but the finest can be called 'leaf'"),
        ({"level_names": ["fruit & veg", "fruit + veg"]}, "'fruit & veg' and 'fruit [+] veg' would be one in MLflow"),
        ({"level_names": ["top/", "top"]}, "'top/' and 'top' would be one in MLflow"),
        ({"level_names": ["./leaf", "kind"]}, "'leaf' and './leaf' would be one in MLflow"),
        ({"level_names": ["..", "kind"]}, "no level can be called '..'"),
        ({"level_names": ["x" * 300, "x" * 301]}, "would be one in MLflow"),
        ({"class_names": None}, "not a taxonomy"),
        ({"class_names": [["a", "b"], ["x", 3]]}, "classes of level 'leaf' must have texts as names"),
        ({"leaf_paths": [[0.5, 0], [1, 1]]}, "leaf_paths must hold a list of whole numbers"),
        ({"leaf_paths": [[10**30, 0], [1, 1]]}, "leaf_paths must hold a list of whole numbers"),
        ({"leaf_paths": [["0", "0"], ["1", "1"]]}, "leaf_paths must hold a list of whole numbers"),
    ],
)
def test_wrong_dictionaries_are_refused(values: dict[str, object], message: str) -> None:
    tree = Taxonomy.from_paths(("top", "leaf"), [("a", "x"), ("b", "y")])
    with pytest.raises(TaxonomyError, match=message):
        Taxonomy.from_dict(tree.to_dict() | values)


def test_a_class_with_two_parents_is_refused() -> None:
    with pytest.raises(TaxonomyError, match="'mid' has two parents"):
        Taxonomy(("top", "mid", "leaf"), (("a", "b"), ("m",), ("x", "y")), np.array([[0, 0, 0], [1, 0, 1]]))


def test_a_taxonomy_keeps_a_read_only_copy() -> None:
    paths = np.array([[0, 0], [1, 1]])
    tree = Taxonomy(("top", "leaf"), (("a", "b"), ("x", "y")), paths)
    paths[0, 0] = 1
    assert tree.leaf_paths[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        tree.leaf_paths[0, 0] = 1


def test_trees_load_without_torch_and_without_what_only_induced_ones_need() -> None:
    code = (
        "import sys, hmlc_ray.taxonomies as t; t.render_text(t.load_taxonomy('cifar100'))\n"
        "print(sorted({'torch', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
