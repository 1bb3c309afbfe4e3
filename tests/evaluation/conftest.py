from __future__ import annotations

import pytest

from hmlc_ray.taxonomy import Taxonomy


@pytest.fixture(scope="session")
def tree() -> Taxonomy:
    """Three levels, unbalanced: `c` has one child, which has one child."""
    paths = [("a", "a0", "a00"), ("a", "a0", "a01"), ("a", "a1", "a10"), ("b", "b0", "b00"), ("b", "b0", "b01")]
    return Taxonomy.from_paths(("coarse", "mid", "fine"), [*paths, ("c", "c0", "c00")])
