"""The dimensions of a search space: how each is written, drawn and bounded.

A dimension has `suggest(trial, name)`, which draws a value where `name` is the parameter's name in the study; `ends()`,
the values that must be valid for every value to be, by what they are called in an error; `size()`, how many values it
has (None: no end of them); `params(name, index)`, the study's parameters that make the value of that index; and its
text, `str`, in words. Named tuples, because they are defined in a fraction of the time that dataclasses take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hmlc_ray.config.paths import shorten
from hmlc_ray.config.schema import nearest
from hmlc_ray.config.steps import check_step, last_step, on_grid, step_value
from hmlc_ray.errors import ConfigError

Choice = str | int | float | bool | None
Params = dict[str, Choice]
"""A study's parameters by name."""
LARGEST_INT = 2**53
"""Optuna's storages hold numbers as floats, which tell no two integers beyond it apart."""


if TYPE_CHECKING:

    class Trial(Protocol):
        """What a search space draws from; an `optuna.Trial` is one."""

        def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float: ...

        def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...

        def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice: ...


class Constant(NamedTuple):
    """A value that is written in the space, in a branch for example, and not searched."""

    value: Any

    def __str__(self) -> str:
        return f"fixed at {shorten(self.value)}"

    def suggest(self, trial: Trial, name: str) -> Any:
        return self.value

    def ends(self) -> dict[str, Any]:
        return {"value": self.value}

    def size(self) -> int | None:
        return 1

    def params(self, name: str, index: int) -> Params:
        return {}


class FloatRange(NamedTuple):
    """`{float: [low, high], log: true}` or `{float: [low, high], step: 0.1}`; both ends belong to it."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __str__(self) -> str:
        return _words(self.low, self.high, self.log, self.step)

    def suggest(self, trial: Trial, name: str) -> float:
        return self.exact(trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log))

    def exact(self, value: float) -> float:
        """The value itself or, with a step, the decimal that is meant by a result of binary arithmetic."""
        return value if self.step is None else on_grid(value, self.low, self.step)

    def ends(self) -> dict[str, Any]:
        return {"low end": self.low, "high end": self.high}

    def size(self) -> int | None:
        if self.step is not None:
            return last_step(self.low, self.high, self.step) + 1
        return 1 if self.low == self.high else None

    def params(self, name: str, index: int) -> Params:
        return {name: self.low if self.step is None else step_value(self.low, self.step, index)}


class IntRange(NamedTuple):
    """`{int: [low, high]}`, with `log: true` or `step: 2`; both ends belong to it."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __str__(self) -> str:
        return _words(self.low, self.high, self.log, self.step)

    def suggest(self, trial: Trial, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)

    def ends(self) -> dict[str, Any]:
        return {"low end": self.low, "high end": self.high}

    def size(self) -> int | None:
        return (self.high - self.low) // self.step + 1

    def params(self, name: str, index: int) -> Params:
        return {name: self.low + index * self.step}


class Choices(NamedTuple):
    """`{choice: [a, b]}`. The study stores lists and sections as their JSON text, as Optuna's storages hold scalars.

    Optuna looks a choice up by `==`, which takes 0 for false and 1 for 1.0: where two choices look alike to it, it gets
    all of them as JSON text.
    """

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(map(shorten, self.values))}"

    @property
    def labels(self) -> list[Choice]:
        """What the study stores for each value; no two of them are equal."""
        labels = [_text(value) if isinstance(value, list | tuple | dict) else value for value in self.values]
        return labels if len({*labels}) == len(labels) else [_text(value) for value in self.values]

    def suggest(self, trial: Trial, name: str) -> Any:
        labels = self.labels
        return self.values[labels.index(trial.suggest_categorical(name, labels))]

    def ends(self) -> dict[str, Any]:
        ends: dict[str, Any] = {}
        for position, value in enumerate(self.values, start=1):
            label = f"choice {shorten(value, 40)}"
            ends[label if label not in ends else f"choice {position}, {shorten(value, 40)}"] = value
        return ends

    def size(self) -> int | None:
        return len(self.values)

    def params(self, name: str, index: int) -> Params:
        return {name: self.labels[index]}


class Simplex(NamedTuple):
    """`{simplex: levels}` or `{simplex: 3}`: L weights of sum 1, uniform over the simplex when drawn at random.

    Ordered stick-breaking turns L-1 parameters u_k, each uniform on (0, 1), into a draw of Dirichlet(1, ..., 1): the
    k-th of L weights (k = 0, ..., L-2) takes the share v_k = 1 - (1 - u_k)^(1/(L-1-k)) of what the weights before it
    have left, and the last one takes the rest. v_k is the inverse distribution function of Beta(1, L-1-k), the law of
    that share under Dirichlet(1, ..., 1). Each weight grows with its own u_k.
    """

    length: int

    def __str__(self) -> str:
        return f"{self.length} weights of sum 1"

    def suggest(self, trial: Trial, name: str) -> list[float]:
        sticks = [
            trial.suggest_float(f"{name}.stick{k}", 0.0, 1.0, step=None, log=False) for k in range(self.length - 1)
        ]
        return break_stick(sticks)

    def ends(self) -> dict[str, Any]:
        return {"centre": [1 / self.length] * self.length}

    def size(self) -> int | None:
        return 1 if self.length == 1 else None

    def params(self, name: str, index: int) -> Params:
        return {}


Dimension = Constant | FloatRange | IntRange | Choices | Simplex


def break_stick(sticks: Sequence[float]) -> list[float]:
    """L-1 values in [0, 1] to L weights of sum 1; the formula is in `Simplex`."""
    weights, rest, last = [], 1.0, len(sticks)
    for k, u in enumerate(sticks):
        share = 1 - (1 - u) ** (1 / (last - k))
        weights.append(rest * share)
        rest *= 1 - share
    return [*weights, rest]


def readable(params: dict[str, object]) -> dict[str, object]:
    """A study's parameters with the sticks behind a simplex turned into its weights."""
    shown: dict[str, object] = {}
    sticks: dict[str, list[float]] = {}
    for name, value in params.items():
        simplex, mark, _ = name.partition(".stick")
        if mark and isinstance(value, float):
            sticks.setdefault(simplex, []).append(value)
            shown[simplex] = break_stick(sticks[simplex])
        else:
            shown[name] = value
    return shown


def parse_dimension(spec: Any, where: str, num_levels: Callable[[], int]) -> Dimension:
    """A dimension from its YAML form; whatever is no mapping is a constant.

    Args:
        spec: e.g. `{float: [1e-4, 1e-2], log: true}`.
        where: what an error begins with.
        num_levels: called for `{simplex: levels}` only, since it may have to look at the data.

    Raises:
        ConfigError: if the form is none of the known ones or its values contradict each other.
    """
    if not isinstance(spec, dict):
        return Constant(spec)
    form = next((name for name in spec if name in OPTIONS), None)
    if form is None:
        hint = nearest(next(iter(spec), ""), OPTIONS)
        raise ConfigError(f"{where}: {shorten(spec)} is no dimension{hint}; the forms are {', '.join(OPTIONS)}")
    for option in spec.keys() - {form, *OPTIONS[form]}:
        allowed = ", ".join(OPTIONS[form]) or "no options"
        raise ConfigError(f"{where}: unknown key {option}{nearest(option, OPTIONS[form])}; {form} takes {allowed}")
    if form == "choice":
        return _choices(spec["choice"], where)
    if form == "simplex":
        return _simplex(spec["simplex"], where, num_levels)
    return _range(form, spec, where)


OPTIONS: dict[str, tuple[str, ...]] = {"float": ("log", "step"), "int": ("log", "step"), "choice": (), "simplex": ()}


def _range(form: str, spec: dict[str, Any], where: str) -> Dimension:
    types = (int,) if form == "int" else (int, float)
    ends, step, log = spec[form], spec.get("step"), spec.get("log", False)
    noun = "integers" if form == "int" else "finite numbers"
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(_is_number(end, types) for end in ends):
        raise ConfigError(f"{where}: {form} must be [low, high], two {noun}, got {shorten(ends)}")
    low, high = ends
    if form == "int" and max(abs(low), abs(high)) > LARGEST_INT:
        raise ConfigError(f"{where}: the ends of an int range must lie within {LARGEST_INT}, got {shorten(ends)}")
    if low > high:
        raise ConfigError(f"{where}: low end {low} must not exceed high end {high}")
    if not isinstance(log, bool):
        raise ConfigError(f"{where}: log must be true or false, got {shorten(log)}")
    if log and low <= 0:
        raise ConfigError(f"{where}: with log: true the low end must be above 0, got {low}")
    if step is not None:
        if log:
            raise ConfigError(f"{where}: log: true and step exclude each other")
        if not _is_number(step, types) or step <= 0:
            raise ConfigError(f"{where}: step must be above 0 and divide {high} - {low}, got {shorten(step)}")
        check_step(low, high, step, where)
    if form == "int":
        return IntRange(low, high, log, step or 1)
    return FloatRange(float(low), float(high), log, None if step is None else float(step))


def _choices(values: Any, where: str) -> Choices:
    if not isinstance(values, list | tuple) or not values:
        raise ConfigError(f"{where}: choice must be a non-empty list, got {shorten(values)}")
    seen: set[str] = set()
    for value in values:
        if (text := json.dumps(value, sort_keys=True)) in seen:
            raise ConfigError(f"{where}: choice holds {shorten(value)} twice")
        seen.add(text)
    return Choices(tuple(values))


def _simplex(size: Any, where: str, num_levels: Callable[[], int]) -> Simplex:
    if size == "levels":
        return Simplex(num_levels())
    if not _is_number(size, (int,)) or size < 1:
        raise ConfigError(f"{where}: simplex must be levels or the number of weights (at least 1), got {shorten(size)}")
    return Simplex(size)


def _words(low: float, high: float, log: bool, step: float | None) -> str:
    steps = f", step {step:.12g}" if step not in (None, 1) else ""
    return f"{low:.12g} to {high:.12g}{', log' if log else ''}{steps}"


def _text(value: Any) -> str:
    """JSON, which is another text for another value or type: 1, 1.0, true and "1" are four."""
    return json.dumps(value)


def _is_number(value: Any, types: tuple[type[int] | type[float], ...]) -> bool:
    """Whether a value is a finite number of these types; true is none."""
    return isinstance(value, types) and not isinstance(value, bool) and isfinite(value)
