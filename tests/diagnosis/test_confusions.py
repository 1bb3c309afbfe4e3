from __future__ import annotations

import numpy as np
from planted_features import TREE

from hmlc_ray.diagnosis.confusions import top_confusions
from hmlc_ray.evaluation.confusion_files import _borders
from hmlc_ray.evaluation.confusions import SparseCounts
from hmlc_ray.taxonomy import Taxonomy

THREE = Taxonomy.from_paths(
    ("a", "b", "c"), [("x", "x0", "1"), ("y", "y0", "2"), ("x", "x1", "3"), ("x", "x0", "4"), ("y", "y0", "5")]
)


def test_classes_are_ordered_by_the_tree() -> None:
    assert TREE.class_order(1).tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]
    assert TREE.class_order(0).tolist() == [0, 1, 2]
    assert [THREE.class_order(h).tolist() for h in range(3)] == [[0, 1], [0, 2, 1], [0, 3, 2, 1, 4]]
    for h in range(3):
        order = THREE.class_order(h)
        coarsest = [THREE.leaf_paths[THREE.leaf_paths[:, h] == c, 0][0] for c in order]
        changes = [i for i in range(1, len(order)) if coarsest[i] != coarsest[i - 1]]
        assert _borders(THREE, h, order) == (changes if h else [])
        assert len(changes) == 1


def test_the_most_frequent_mistakes_come_first_with_their_place_in_the_tree() -> None:
    matrix = np.zeros((5, 5), dtype=np.int64)
    matrix[0] = [5, 3, 0, 2, 0]
    matrix[1, 4] = 3
    matrix[2] = [1, 0, 1, 0, 0]
    found = top_confusions(THREE, matrix)
    assert [(c.true, c.predicted, c.count, c.lca_height, c.lca_level) for c in found] == [
        ("1", "2", 3, 3, "root"),
        ("2", "5", 3, 1, "b"),
        ("1", "4", 2, 1, "b"),
        ("3", "1", 1, 2, "a"),
    ]
    assert [c.share for c in found] == [0.3, 1.0, 0.2, 0.5]
    assert top_confusions(THREE, matrix, most=2) == found[:2]
    true, predicted = np.nonzero(matrix)
    sparse = SparseCounts(true, predicted, matrix[true, predicted], 5)
    assert top_confusions(THREE, sparse) == found
    assert top_confusions(THREE, np.diag([1, 2, 3, 4, 5])) == ()
