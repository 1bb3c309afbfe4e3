"""The search space: YAML to a define-by-run function over TrialConfig."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from hmlc_ray.config.dimension_forms import FORMS, parse_dimension
from hmlc_ray.config.dimensions import Dimension
from hmlc_ray.config.levels import num_levels
from hmlc_ray.config.overrides import keys_for
from hmlc_ray.config.paths import set_path, shorten
from hmlc_ray.config.plugins import no_plugin_hint
from hmlc_ray.config.schema import SectionType, default_kinds, kinds, sections
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.nearest import nearest

if TYPE_CHECKING:
    from hmlc_ray.config.dimensions import Trial

POINT = "point"
"""The dimension of a space whose points are listed: the position of a trial's point."""
Kinds = dict[str, str]
"""A section's path to its kind."""


class SearchSpace(NamedTuple):
    """What a sweep searches.

    A parameter of the study is named by its path, `objective.temperature`; the choice of a branch by its section's
    kind, `objective.kind`; a parameter of one branch with that kind, `objective[g-hmlc].mixture_components`.
    """

    base: dict[str, Any]
    """Values of every trial, before the searched ones are laid over them."""
    shared: dict[str, Dimension]
    """Path to dimension, for every trial."""
    branches: dict[str, dict[str, dict[str, Dimension]]]
    """Section to kind to path to dimension, for the trials of that kind."""
    source: str
    """What an error begins with."""
    points: tuple[dict[str, Any], ...] = ()
    """Listed instead of searched: partial trials whose sections replace the base's, chosen by `POINT`."""

    @classmethod
    def parse(
        cls, space: dict[str, Any], base: dict[str, Any], source: str, points: tuple[dict[str, Any], ...] = ()
    ) -> SearchSpace:
        """A space from its YAML form; values are not yet checked against the model (see `check_space`).

        Raises:
            ConfigError: if a dimension is malformed, a path is searched twice, or a branch's kind is unknown.
        """
        return _Parser(base, source).parse(space)._replace(points=points)

    def suggest(self, trial: Trial) -> TrialConfig:
        """Draw one trial.

        Args:
            trial: an `optuna.Trial`, or whatever else has its three `suggest_` methods.

        Raises:
            ConfigError: if the values drawn contradict each other.
        """
        chosen: Kinds = {}
        for section, branch in self.branches.items():
            names = list(branch)
            many = len(names) > 1
            chosen[section] = str(trial.suggest_categorical(f"{section}.kind", names)) if many else names[0]
        drawn = {name: dimension.suggest(trial, name) for name, _, dimension in self.dimensions(chosen)}
        return self.assemble(chosen, drawn)

    def dimensions(self, chosen: Kinds) -> Iterator[tuple[str, str, Dimension]]:
        """(name, path, dimension) of everything that is searched when sections have these kinds."""
        for path, dimension in self.shared.items():
            yield path, path, dimension
        for section, kind in chosen.items():
            for path, dimension in self.branches[section][kind].items():
                yield f"{section}[{kind}]{path.removeprefix(section)}", path, dimension

    def assemble(self, chosen: Kinds, drawn: dict[str, Any], source: str | None = None) -> TrialConfig:
        """A trial from the kinds of its branches and the values of its dimensions, by name.

        A key of the base that belongs to another kind than the chosen one is left out.

        Raises:
            ConfigError: if a path or value is not allowed.
        """
        values = copy.deepcopy(self.base)
        if self.points:
            values |= copy.deepcopy(self.points[drawn.get(POINT, 0)])
        for section, kind in chosen.items():
            self._choose(values, section, kind)
        for name, path, _ in self.dimensions(chosen):
            if name in drawn and path != POINT:
                set_path(values, path, drawn[name])
        return validate(TrialConfig, values, source or self.source)

    def assignments(self) -> Iterator[Kinds]:
        """Every kind of every branched section once, the other sections at their first kind; all first kinds first."""
        first = {section: next(iter(branch)) for section, branch in self.branches.items()}
        yield first
        for section, branch in self.branches.items():
            yield from ({**first, section: kind} for kind in list(branch)[1:])

    def first(self, chosen: Kinds | None = None) -> TrialConfig:
        """Every section at this kind, or at its first, and every dimension at its first value."""
        chosen = next(self.assignments()) if chosen is None else chosen
        return self.assemble(chosen, {n: next(iter(d.ends().values())) for n, _, d in self.dimensions(chosen)})

    def _choose(self, values: dict[str, Any], section: str, kind: str) -> None:
        given = values.get(section) or {}
        if isinstance(given, dict):
            own = str(given.get("kind", default_kinds(TrialConfig, self.base)[section]))
            former = [*self.branches[section], own]
            values[section] = keys_for(kind, _KINDED[section], former, given) | {"kind": kind}


class _Parser:
    def __init__(self, base: dict[str, Any], source: str) -> None:
        self.base, self.source = base, source

    def parse(self, space: dict[str, Any]) -> SearchSpace:
        shared: dict[str, Dimension] = {}
        branches: dict[str, dict[str, dict[str, Dimension]]] = {}
        for path, spec in self._flatten(space):
            section = path.removesuffix(".kind")
            if section != path and section in _KINDED:
                branches[section] = {kind: {} for kind in self._kinds_of(section, spec)}
            elif path in _KINDED and isinstance(spec, dict) and "branch" in spec:
                branches[path] = self._branches(path, spec["branch"])
            else:
                shared[path] = self._dimension(path, spec)
        result = SearchSpace(self.base, shared, branches, self.source)
        self._refuse_overlap(result)
        return result

    def _flatten(self, space: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Paths and their values; a section may be written as a nested mapping, with or without a branch in it."""
        seen = set()
        for name, spec in space.items():
            inner = [(name, spec)]
            if name in _SECTIONS and isinstance(spec, dict) and not spec.keys() & FORMS.keys():
                inner = [(f"{name}.{key}", value) for key, value in spec.items() if key != "branch"]
                inner += [(name, {"branch": spec["branch"]})] if "branch" in spec else []
            for path, value in inner:
                if path in seen:
                    raise ConfigError(f"{self.source}: space.{path} is given twice")
                seen.add(path)
                yield path, value

    def _kinds_of(self, section: str, spec: Any) -> list[str]:
        choices = spec.get("choice") if isinstance(spec, dict) and spec.keys() == {"choice"} else [spec]
        if not isinstance(choices, list | tuple) or not choices or len({*map(str, choices)}) < len(choices):
            raise ConfigError(f"{self.source}: space.{section}.kind must be a choice of kinds, got {shorten(spec)}")
        return [self._known_kind(section, kind) for kind in choices]

    def _known_kind(self, section: str, kind: Any) -> str:
        known = _KINDED[section]
        if str(kind) not in known:
            raise ConfigError(
                f"{self.source}: space.{section} names the kind {shorten(kind)}{nearest(str(kind), known)}; "
                f"the kinds are {', '.join(known)}{no_plugin_hint(section, kind, known)}"
            )
        return str(kind)

    def _branches(self, section: str, spec: Any) -> dict[str, dict[str, Dimension]]:
        if not isinstance(spec, dict) or not spec:
            raise ConfigError(f"{self.source}: space.{section}.branch must map kinds to what is searched under them")
        result: dict[str, dict[str, Dimension]] = {}
        for kind, inner in spec.items():
            name = f"{section}[{self._known_kind(section, kind)}]"
            if not isinstance(inner, dict | None):
                raise ConfigError(f"{self.source}: space.{name} must map keys to dimensions, got {shorten(inner)}")
            result[kind] = {
                f"{section}.{key}": self._dimension(f"{name}.{key}", value) for key, value in (inner or {}).items()
            }
        return result

    def _dimension(self, name: str, spec: Any) -> Dimension:
        return parse_dimension(spec, f"{self.source}: space.{name}", self._count_levels)

    def _count_levels(self) -> int:
        values = {"data": self.base["data"]} if "data" in self.base else {}
        return num_levels(validate(TrialConfig, values, f"{self.source}, base").data)

    def _refuse_overlap(self, space: SearchSpace) -> None:
        """A path may be set once per trial, and no section may be set along with a key of it."""
        for section, branch in space.branches.items():
            for paths in branch.values():
                self._refuse_pairs([*space.shared, f"{section}.kind", *paths])
        self._refuse_pairs(list(space.shared))

    def _refuse_pairs(self, paths: list[str]) -> None:
        seen, known = set[str](), set(paths)
        for path in paths:
            parts = path.split(".")
            if path in seen or any(".".join(parts[:depth]) in known for depth in range(1, len(parts))):
                raise ConfigError(f"{self.source}: space sets {path} twice in one trial")
            seen.add(path)


_SECTIONS = {name for name, field in TrialConfig.model_fields.items() if sections(field)}
_KINDED: dict[str, dict[str, SectionType]] = {
    name: found for name, field in TrialConfig.model_fields.items() if (found := kinds(field))
}
