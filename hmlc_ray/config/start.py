"""Points that a study tries before its sampler draws any."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from hmlc_ray.config.base import Section
from hmlc_ray.config.dimensions import Params
from hmlc_ray.config.finite import combinations_of
from hmlc_ray.config.paths import shorten
from hmlc_ray.config.space import Kinds, SearchSpace
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.nearest import nearest
from hmlc_ray.names.studies import ALLOWED, MAX_LENGTH, PATTERN


class StartConfig(Section):
    """What a study tries before its sampler draws anything: given points, or the best ones of an earlier study."""

    study: str | None = Field(None, pattern=PATTERN, max_length=MAX_LENGTH, json_schema_extra={"allowed": ALLOWED})
    """An earlier study in the same MLflow store, of the same or of other data. When the sweep starts, the values of its
    best completed trials, as far as this space has them, are written to `points`. Where points are given it is not
    looked up."""
    trials: int = Field(5, ge=1)
    """Trials to take from that study."""
    points: tuple[dict[str, Any], ...] = ()
    """Values by the names of the searched parameters, as `hmlc best` shows them; the sampler draws what a point leaves
    out. Every point is a trial, in this order."""


def check_start(space: SearchSpace, start: StartConfig, source: str) -> None:
    """Check that the search space has every value of the points.

    Raises:
        ConfigError: naming the point, the parameter, the value and what is searched.
    """
    if space.points and (start.points or start.study):
        raise ConfigError(f"{source}: study.start is for spaces that are searched, but this one lists its points")
    for index, point in enumerate(start.points):
        where = f"{source}: study.start.points[{index}]"
        if not point:
            raise ConfigError(f"{where} is empty: give the value of at least one searched parameter")
        if _most(space, point)[0] != {*point}:
            raise ConfigError(f"{where}{_reason(space, point)}")


def start_params(space: SearchSpace, points: Sequence[dict[str, Any]]) -> list[Params]:
    """The study's parameters that the points decide, each with the kinds of its sections."""
    return [params for point in points if (params := _most(space, point)[1])]


def fitting(space: SearchSpace, values: dict[str, Any]) -> dict[str, Any]:
    """What this space has of the values that another one's trial had."""
    named, _ = _most(space, values)
    return {name: values[name] for name in values if name in named}


def first_points(space: SearchSpace, found: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """What this space has of the values of another one's trials, the best first: up to so many different points."""
    points: list[dict[str, Any]] = []
    for values in found:
        point = fitting(space, values)
        if point and point not in points:
            points.append(point)
    return points[:most]


def _most(space: SearchSpace, point: dict[str, Any]) -> tuple[set[str], Params]:
    """The names, and the parameters, under that choice of kinds which has most of the point."""
    found = [_params(space, chosen, point) for chosen in combinations_of(space)]
    best = max(found, key=len)
    return {*best}, {name: value for params in best.values() for name, value in params.items()}


def _params(space: SearchSpace, chosen: Kinds, point: dict[str, Any]) -> dict[str, Params]:
    """The parameters behind every value of the point that exists when sections have these kinds."""
    found: dict[str, Params] = {}
    for section, kind in chosen.items():
        name, kinds = f"{section}.kind", space.branches[section]
        if point.get(name) == kind:
            found[name] = {name: kind} if len(kinds) > 1 else {}
        elif point.get(name) in kinds:
            return {}
    for name, _, dimension in space.dimensions(chosen):
        if name in point and (params := dimension.params_of(name, point[name])) is not None:
            found[name] = params
    return found


def _reason(space: SearchSpace, point: dict[str, Any]) -> str:
    """What is wrong with a point that the space does not have, to follow its path."""
    known = {name: dimension for chosen in space.assignments() for name, _, dimension in space.dimensions(chosen)}
    kinds = {f"{section}.kind": [*branch] for section, branch in space.branches.items()}
    for name, value in point.items():
        if name in kinds:
            if value not in kinds[name]:
                return f": {name} must be one of {', '.join(kinds[name])}, got {shorten(value)}"
        elif name not in known:
            names = [*kinds, *known]
            return f": {name} is not searched{nearest(name, names)}; searched are {', '.join(names)}"
        elif known[name].params_of(name, value) is None:
            return f": {name} must be {known[name]}, as in space, got {shorten(value)}"
    return " has values of several kinds, or of another kind than it names, of which a trial has one"
