from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.evaluation.decoding import DECODINGS, independent_argmax, leaf_up, max_constraint, top_down
from hmlc_ray.taxonomy import Taxonomy


def _random(taxonomy: Taxonomy, seed: int, rows: int = 12) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(count), size=rows) for count in taxonomy.num_classes]


def _subtree(taxonomy: Taxonomy, level: int, label: int) -> list[tuple[int, int]]:
    leaves = taxonomy.leaf_paths[taxonomy.leaf_paths[:, level] == label]
    return [(h, int(c)) for h in range(level, taxonomy.num_levels) for c in set(leaves[:, h].tolist())]


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_each_decoding_agrees_with_its_definition(tree: Taxonomy, seed: int) -> None:
    probabilities = _random(tree, seed)
    for row in range(12):
        levels = [level[row] for level in probabilities]
        assert independent_argmax(tree, probabilities)[row].tolist() == [int(level.argmax()) for level in levels]
        assert leaf_up(tree, probabilities)[row].tolist() == tree.leaf_paths[levels[-1].argmax()].tolist()
        path = [int(levels[0].argmax())]
        for h in (1, 2):
            children = [c for c in range(tree.num_classes[h]) if tree.parents[h][c] == path[-1]]
            path.append(max(children, key=lambda c, h=h: levels[h][c]))
        assert top_down(tree, probabilities)[row].tolist() == path
        raised = [
            [max(levels[h][c] for h, c in _subtree(tree, level, label)) for label in range(tree.num_classes[level])]
            for level in range(3)
        ]
        assert max_constraint(tree, probabilities)[row].tolist() == [int(np.argmax(level)) for level in raised]


def test_the_four_can_all_differ() -> None:
    tree = Taxonomy.from_paths(("coarse", "fine"), [("a", "a0"), ("a", "a1"), ("b", "b0"), ("c", "c0")])
    probabilities = [np.array([[0.34, 0.33, 0.33]]), np.array([[0.1, 0.05, 0.4, 0.45]])]
    assert {name: decode(tree, probabilities)[0].tolist() for name, decode in DECODINGS.items()} == {
        "argmax": [0, 3],
        "top_down": [0, 0],
        "leaf_up": [2, 3],
        "max_constraint": [2, 3],
    }
    probabilities[0][0] = [0.5, 0.25, 0.25]
    assert max_constraint(tree, probabilities)[0].tolist() == [0, 3]


@pytest.mark.parametrize("decode", DECODINGS.values(), ids=DECODINGS)
def test_probabilities_are_not_changed(tree: Taxonomy, decode: object) -> None:
    probabilities = _random(tree, 1)
    before = [level.copy() for level in probabilities]
    assert callable(decode)
    decode(tree, probabilities)
    assert all(np.array_equal(a, b) for a, b in zip(before, probabilities, strict=True))


def test_top_down_stays_below_a_class_whose_children_have_no_probability(tree: Taxonomy) -> None:
    probabilities = [np.eye(count)[[count - 1]] for count in tree.num_classes]
    probabilities[0] = np.array([[0.0, 1.0, 0.0]])
    assert top_down(tree, probabilities)[0].tolist() == tree.leaf_paths[3].tolist()
