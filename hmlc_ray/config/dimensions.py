"""The dimensions of a search space: how each is written, drawn and bounded.

A dimension has `suggest(trial, name)`, which draws a value where `name` is the parameter's name in the study; `ends()`,
the values that must be valid for every value to be, by what they are called in an error; `size()`, how many values it
has (None: no end of them); `params(name, index)`, the study's parameters that make the value of that index;
`params_of(name, value)`, those that make this value (None: it is not one of the dimension's); and its text, `str`, in
words. Its docstring shows how it is written. Named tuples, because they are defined in a fraction of
the time that dataclasses take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hmlc_ray.config.paths import shorten
from hmlc_ray.config.steps import last_step, on_grid, step_value
from hmlc_ray.names.counts import many

Choice = str | int | float | bool | None
Params = dict[str, Choice]
"""A study's parameters by name."""
LARGEST_INT = 2**53
"""Optuna's storages hold numbers as floats, which cannot represent every integer beyond it."""


if TYPE_CHECKING:

    class Trial(Protocol):
        """What a search space draws from; an `optuna.Trial` is one."""

        def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float: ...

        def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...

        def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice: ...


class Constant(NamedTuple):
    """A value that is written in the space, in a branch for example, and not searched: `3` or `[0.9, 0.1]`."""

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

    def params_of(self, name: str, value: Any) -> Params | None:
        return {} if _text(value) == _text(self.value) else None


class FloatRange(NamedTuple):
    """`{float: [1e-4, 1e-1], log: true}` or `{float: [0, 1], step: 0.1}`; both ends belong to it."""

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

    def params_of(self, name: str, value: Any) -> Params | None:
        if not _is_number(value) or not self.low <= value <= self.high or self.exact(value) != value:
            return None
        return {name: float(value)}


class IntRange(NamedTuple):
    """`{int: [2, 6]}`, `{int: [1, 64], log: true}` or `{int: [2, 8], step: 2}`; both ends belong to it."""

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

    def params_of(self, name: str, value: Any) -> Params | None:
        if not _is_number(value) or not self.low <= value <= self.high or (value - self.low) % self.step:
            return None
        return {name: int(value)}


class Choices(NamedTuple):
    """`{choice: [convnet, resnet18]}`. The study stores lists and sections as JSON text, for Optuna stores scalars.

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

    def params_of(self, name: str, value: Any) -> Params | None:
        found = [label for label, known in zip(self.labels, self.values, strict=True) if _text(known) == _text(value)]
        # What a study shows of a list or a section is its label.
        found += [label for label in self.labels if _text(label) == _text(value)]
        return {name: found[0]} if found else None


class Simplex(NamedTuple):
    """`{simplex: levels}` or `{simplex: 3}`: L weights of sum 1, uniform over the simplex when drawn at random.

    Ordered stick-breaking turns L-1 parameters u_k, each uniform on (0, 1), into a draw of Dirichlet(1, ..., 1): the
    k-th of L weights (k = 0, ..., L-2) takes the share v_k = 1 - (1 - u_k)^(1/(L-1-k)) of what the weights before it
    have left, and the last one takes the rest. v_k is the inverse distribution function of Beta(1, L-1-k), the law of
    that share under Dirichlet(1, ..., 1). Each weight grows with its own u_k.
    """

    length: int

    def __str__(self) -> str:
        return f"{many(self.length, 'weight')} of sum 1"

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

    def params_of(self, name: str, value: Any) -> Params | None:
        weights = value if isinstance(value, list | tuple) else []
        if len(weights) != self.length or not all(_is_number(weight) and weight >= 0 for weight in weights):
            return None
        if not math.isclose(sum(weights), 1, abs_tol=1e-6):
            return None
        return {f"{name}.stick{k}": stick for k, stick in enumerate(sticks_of(weights))}


Dimension = Constant | FloatRange | IntRange | Choices | Simplex


def break_stick(sticks: Sequence[float]) -> list[float]:
    """L-1 values in [0, 1] to L weights of sum 1; the formula is in `Simplex`."""
    weights, rest, last = [], 1.0, len(sticks)
    for k, u in enumerate(sticks):
        share = 1 - (1 - u) ** (1 / (last - k))
        weights.append(rest * share)
        rest *= 1 - share
    return [*weights, rest]


def sticks_of(weights: Sequence[float]) -> list[float]:
    """The values that `break_stick` turns into these weights of sum 1."""
    sticks, rest, last = [], 1.0, len(weights) - 1
    for k, weight in enumerate(weights[:-1]):
        share = min(1.0, weight / rest) if rest > 0 else 0.0
        sticks.append(1 - (1 - share) ** (last - k))
        rest -= weight
    return sticks


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


def _words(low: float, high: float, log: bool, step: float | None) -> str:
    steps = f", step {step:.12g}" if step not in (None, 1) else ""
    return f"{low:.12g} to {high:.12g}{', log' if log else ''}{steps}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """JSON, which is another text for another value or type: 1, 1.0, true and "1" are four."""
    return json.dumps(value)
