"""What was searched: the parameters of the trials, and which of them matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log as ln

from hmlc_ray.config.dimensions import FloatRange, IntRange, readable
from hmlc_ray.config.paths import shorten
from hmlc_ray.config.space import POINT, SearchSpace
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.study.leaderboard import rank
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow

Value = str | float
MOST_PARAMETERS = 24
"""Parameters that are drawn; a study with more has them in its tables."""
ENOUGH = 10
"""Completed trials from which on the importances are of their last values."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that was searched."""

    name: str
    range: str
    """In words."""
    log: bool
    values: dict[int, Value]
    """Values by trial; trials of another branch have none."""

    @property
    def is_number(self) -> bool:
        return all(isinstance(value, float) for value in self.values.values())


@dataclass(frozen=True)
class Importances:
    """The importance of each parameter."""

    shares: dict[str, float]
    """Shares by parameter of the search space, the largest first; sum 1."""
    trials: int
    """How many trials they are computed from."""
    evaluation: int | None
    """Which evaluation's values, counted from 1; None: the last ones of trials that were completed."""


def parameters_of(sweep: SweepConfig, rows: Sequence[TrialRow]) -> tuple[Parameter, ...]:
    """Every parameter that trials have, in the order of the search space."""
    space = sweep.search_space()
    known = _dimensions(space)
    values: dict[str, dict[int, Value]] = {}
    for row in rows:
        for name, value in shown(row.params).items():
            values.setdefault(name, {})[row.number] = value
    order = {name: position for position, name in enumerate(known)}
    names = sorted(values, key=lambda name: order.get(base_name(name), len(order)))
    return tuple(Parameter(name, *known.get(base_name(name), ("", False)), values[name]) for name in names)


def shown(params: Mapping[str, object]) -> dict[str, Value]:
    """Parameters as they are shown: the sticks of a simplex as its weights, each a parameter; numbers as floats."""
    found: dict[str, Value] = {}
    for name, value in readable(dict(params)).items():
        if isinstance(value, list):
            found |= {f"{name}[{index}]": float(entry) for index, entry in enumerate(value)}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
        else:
            found[name] = value if isinstance(value, str) else shorten(value)
    return found


def base_name(name: str) -> str:
    """The parameter's name in the search space, without the index of a weight."""
    head, bracket, index = name.rpartition("[")
    return head if bracket and index.rstrip("]").isdecimal() else name


def _dimensions(space: SearchSpace) -> dict[str, tuple[str, bool]]:
    """Range in words, and whether it is logarithmic, of every parameter."""
    found: dict[str, tuple[str, bool]] = {}
    for section, branch in space.branches.items():
        if len(branch) > 1:
            found[f"{section}.kind"] = f"one of {', '.join(branch)}", False
    for chosen in space.assignments():
        for name, path, dimension in space.dimensions(chosen):
            what = f"{len(space.points)} listed configurations" if path == POINT else str(dimension)
            found.setdefault(name, (what, bool(getattr(dimension, "log", False))))
    return found


def importances_of(
    sweep: SweepConfig, rows: Sequence[TrialRow], evaluations: Mapping[int, Mapping[int, float]]
) -> Importances | None:
    """Importances for the objective metric; None where there are too few trials, or a point was all that was searched.

    A scheduler leaves few trials that were completed. Where there are fewer than `ENOUGH`, the values at the first
    evaluation are taken, which every trial has at the same budget.

    Args:
        evaluations: the objective metric of each trial by evaluation; see `leaderboard.evaluations_of`.
    """
    from hmlc_ray.sweep.tune.importances import importances

    done = [row for row in rows if row.status == TrialStatus.COMPLETED and row.value is not None]
    pairs, evaluation = [(row.params, float(row.value or 0.0)) for row in done], None
    if len(done) < ENOUGH:
        first = {row.number: evaluations.get(row.number, {}).get(1) for row in rows}
        pairs, evaluation = [(row.params, value) for row in rows if (value := first[row.number]) is not None], 1
    space = sweep.search_space()
    known = [(params, value) for params, value in pairs if value == value]
    shares = {} if space.points else importances(space, known, sweep.study.mode)
    return Importances(_of_simplices(shares), len(known), evaluation) if shares else None


def _of_simplices(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares of a simplex's sticks added up: what its weights share."""
    found: dict[str, float] = {}
    for name, share in shares.items():
        own = name.partition(".stick")[0]
        found[own] = found.get(own, 0.0) + share
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


@dataclass(frozen=True)
class AtEdge:
    """A parameter whose best value lies at the end of its range."""

    name: str
    value: float
    range: str


def at_edges(sweep: SweepConfig, best: TrialRow) -> tuple[AtEdge, ...]:
    """The numeric parameters of a trial that lie within 2 % of an end of their range: a wider one may be better."""
    space, params = sweep.search_space(), shown(best.params)
    chosen = {section: params.get(f"{section}.kind", next(iter(kinds))) for section, kinds in space.branches.items()}
    known = {section: str(kind) for section, kind in chosen.items() if kind in space.branches[section]}
    found = []
    for name, _, dimension in space.dimensions(known):
        value = params.get(name)
        if isinstance(value, float) and isinstance(dimension, FloatRange | IntRange) and _is_near(value, dimension):
            found.append(AtEdge(name, value, str(dimension)))
    return tuple(found)


def _is_near(value: float, range_: FloatRange | IntRange) -> bool:
    low, high = float(range_.low), float(range_.high)
    if range_.log:
        value, low, high = ln(value), ln(low), ln(high)
    share = (value - low) / (high - low) if high > low else 0.5
    return not 0.02 < share < 0.98


def best_first(rows: Sequence[TrialRow], mode: str) -> list[TrialRow]:
    """Trials as they are ranked: completed ones by their value, then pruned ones, then those without a result."""
    order = {TrialStatus.COMPLETED: 0, TrialStatus.PRUNED: 1}

    def key(row: TrialRow) -> tuple[float, ...]:
        if row.value is None:
            return (3, 0, row.number)
        value, number = rank(mode, row.value, row.number)
        return (order.get(row.status, 2), -value, -number)

    return sorted(rows, key=key)
