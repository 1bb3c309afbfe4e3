"""Trees and objectives for measurements in which what is learned does not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import TypeAdapter

from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.objectives import Dims, Objective, build_objective
from hmlc_ray.taxonomy import Taxonomy


def taxonomy_of(children: tuple[int, ...] = (2, 4, 3)) -> Taxonomy:
    """A regular tree."""
    paths: list[tuple[str, ...]] = [()]
    for count in children:
        paths = [(*path, str(k)) for path in paths for k in range(count)]
    return Taxonomy.from_paths([f"level{h}" for h in range(len(children))], paths)


def objective_of(values: dict[str, Any], taxonomy: Taxonomy, width: int, features: int) -> Objective:
    """An objective with its initial state."""
    counts = taxonomy.class_counts(np.arange(40 * taxonomy.num_leaves) % taxonomy.num_leaves)
    config = TypeAdapter(ObjectiveConfig).validate_python(values)
    return build_objective(config, Dims(taxonomy, counts, width, features))
