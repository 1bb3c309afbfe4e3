"""Finite search spaces: the number of their points, and the points.

A point is a choice of kinds with a value for every parameter that is searched under them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hmlc_ray.config.dimensions import Params
from hmlc_ray.config.space import Kinds, SearchSpace


def size_of(space: SearchSpace) -> int | None:
    """The number of points; None where it is infinite."""
    sizes = [_size(space, chosen) for chosen in combinations_of(space)]
    return None if None in sizes else sum(size or 0 for size in sizes)


def point_at(space: SearchSpace, index: int) -> Params:
    """The study's parameters at one point of a finite space; `index` counts from 0 to below its size."""
    for chosen in combinations_of(space):
        size = _size(space, chosen)
        assert size is not None, "only a finite space has numbered points"
        if index < size:
            return _point(space, chosen, index)
        index -= size
    raise IndexError(index)


def combinations_of(space: SearchSpace) -> Iterator[Kinds]:
    """Every combination of the sections' kinds."""
    for names in product(*space.branches.values()):
        yield dict(zip(space.branches, names, strict=True))


def _size(space: SearchSpace, chosen: Kinds) -> int | None:
    total = 1
    for _, _, dimension in space.dimensions(chosen):
        size = dimension.size()
        if size is None:
            return None
        total *= size
    return total


def _point(space: SearchSpace, chosen: Kinds, index: int) -> Params:
    params: Params = {f"{section}.kind": kind for section, kind in chosen.items() if len(space.branches[section]) > 1}
    for name, _, dimension in space.dimensions(chosen):
        index, digit = divmod(index, dimension.size() or 1)
        params |= dimension.params(name, digit)
    return params
