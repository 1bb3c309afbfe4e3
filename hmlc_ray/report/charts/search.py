"""Charts of a search: its history, its learning curves, and what its parameters did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log as ln

from hmlc_ray.report.charts.base import Spec, chart, cut, epochs, labels, rounded, status_scale, tip
from hmlc_ray.report.content.curves import Curve
from hmlc_ray.report.content.search import Importances, Parameter, Value
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow

_TRIAL = (("number", "trial"), ("status", "status"))


def history_chart(rows: Sequence[TrialRow], metric: str, mode: str) -> Spec:
    """Each trial's value by its number, and the best completed one so far."""
    valued = sorted((row for row in rows if row.value is not None), key=lambda row: row.number)
    values, best = [], None
    for row in valued:
        own = row.value or 0.0
        if row.status == TrialStatus.COMPLETED:
            best = own if best is None else (max if mode == "max" else min)(best, own)
        values.append(
            {"number": row.number, "value": rounded(own), "status": row.status.value, "best": best and rounded(best)}
        )
    colour, shape = status_scale([row.status for row in valued])
    x = {"field": "number", "type": "quantitative", "title": "trial", "axis": {"tickMinStep": 1}}
    points = {
        "mark": {"type": "point", "filled": True, "size": 50},
        "encoding": {
            "y": {"field": "value", "type": "quantitative", "title": metric, "scale": {"zero": False}},
            "color": colour,
            "shape": shape,
            "tooltip": tip(*_TRIAL, ("value", metric), ("best", "best so far")),
        },
    }
    line = {
        "transform": [{"filter": "isValid(datum.best)"}],
        "mark": {"type": "line", "interpolate": "step-after", "strokeDash": [5, 3], "color": "currentColor"},
        "encoding": {"y": {"field": "best", "type": "quantitative"}},
    }
    return chart(240, values, encoding={"x": x}, layer=[line, points])


def curves_chart(curves: Sequence[Curve], metric: str, best: int | None) -> Spec:
    """The objective metric over epochs, a line for each trial; the best one is thicker."""
    values = [
        {
            "number": curve.number,
            "status": curve.status.value,
            "epoch": epoch,
            "value": rounded(value),
            "width": 3 if curve.number == best else 1,
        }
        for curve in curves
        for epoch, value in curve.points
    ]
    colour, shape = status_scale([curve.status for curve in curves])
    encoding = {
        "x": epochs(epoch for curve in curves for epoch, _ in curve.points),
        "y": {"field": "value", "type": "quantitative", "title": metric, "scale": {"zero": False}},
        "color": colour,
        "detail": {"field": "number"},
        "tooltip": tip(*_TRIAL, ("epoch", "epoch"), ("value", metric)),
    }
    width = {"field": "width", "type": "quantitative", "scale": None}
    line = {"mark": {"type": "line", "opacity": 0.75}, "encoding": {"strokeWidth": width}}
    last = {
        "transform": [
            {"joinaggregate": [{"op": "max", "field": "epoch", "as": "last"}], "groupby": ["number"]},
            {"filter": "datum.epoch == datum.last"},
        ],
        "mark": {"type": "point", "filled": True, "size": 36},
        "encoding": {"shape": shape},
    }
    return chart(280, values, encoding=encoding, layer=[line, last])


def importance_chart(found: Importances) -> Spec:
    """A bar for each parameter."""
    names = labels(found.shares)
    values = [{"name": names[name], "share": rounded(share)} for name, share in found.shares.items()]
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 190}},
        "x": {
            "field": "share",
            "type": "quantitative",
            "title": "importance",
            "axis": {"format": "~%", "tickCount": 6},
        },
        "tooltip": tip(("name", "parameter"), ("share", "importance")),
    }
    return chart(22 * len(values), values, encoding=encoding, mark={"type": "bar", "color": "#3a86c8"})


def parallel_chart(parameters: Sequence[Parameter], rows: Sequence[TrialRow], metric: str) -> Spec:
    """A line for each trial through its parameters, each from its smallest to its largest value, to its metric."""
    metrics = {row.number: float(row.value) for row in rows if row.value is not None}
    axes = [Axis.of(parameter.name, parameter.values, log=parameter.log) for parameter in parameters]
    axes.append(Axis.of(metric, metrics, log=False))
    values = [
        {
            "axis": axis.name,
            "at": rounded(axis.positions[number]),
            "number": number,
            "value": rounded(metrics[number]),
            "shown": axis.shown[number],
        }
        for axis in axes
        for number in axis.positions
        if number in metrics
    ]
    ends = [{"axis": axis.name, "at": at, "text": text} for axis in axes for at, text in axis.ends]
    names = [axis.name for axis in axes]
    x = {
        "field": "axis",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names},
        "axis": {"labelAngle": -35, "labelLimit": 130, "grid": True},
    }
    y = {"field": "at", "type": "quantitative", "axis": None, "scale": {"domain": [-0.1, 1.1]}}
    colour = {"field": "value", "type": "quantitative", "title": cut(metric), "scale": {"scheme": "viridis"}}
    line = {
        "mark": {"type": "line", "opacity": 0.6, "point": {"size": 16}},
        "encoding": {
            "color": colour,
            "detail": {"field": "number"},
            "tooltip": tip(("number", "trial"), ("axis", "of"), ("shown", "value here"), ("value", metric)),
        },
    }
    words = {
        "data": {"values": ends},
        "mark": {"type": "text", "fontSize": {"expr": "width < 500 ? 7 : 10"}, "limit": 70},
        "encoding": {"text": {"field": "text"}},
    }
    return chart(320, values, encoding={"x": x, "y": y}, layer=[line, words])


@dataclass(frozen=True)
class Axis:
    """One axis of a chart of parallel coordinates."""

    name: str
    positions: dict[int, float]
    """In [0, 1], by trial."""
    shown: dict[int, str]
    """The value, by trial."""
    ends: tuple[tuple[float, str], ...]
    """What is written at which position."""

    @classmethod
    def of(cls, name: str, values: Mapping[int, Value], *, log: bool) -> Axis:
        if any(isinstance(value, str) for value in values.values()):
            return cls._of_choices(name, {number: str(value) for number, value in values.items()})
        numbers = {number: float(value) for number, value in values.items()}
        low, high = min(numbers.values(), default=0.0), max(numbers.values(), default=1.0)
        scale = ln if log and low > 0 else float
        width = scale(high) - scale(low) or 1.0
        positions = {number: (scale(value) - scale(low)) / width for number, value in numbers.items()}
        return cls(name, positions, {n: f"{v:.4g}" for n, v in numbers.items()}, _ends(f"{low:.4g}", f"{high:.4g}"))

    @classmethod
    def _of_choices(cls, name: str, values: dict[int, str]) -> Axis:
        known = sorted(set(values.values()))
        at = {value: index / max(1, len(known) - 1) for index, value in enumerate(known)}
        return cls(name, {number: at[value] for number, value in values.items()}, values, _ends(known[0], known[-1]))


def _ends(low: str, high: str) -> tuple[tuple[float, str], ...]:
    return (-0.06, cut(low, 14)), (1.06, cut(high, 14))


def slice_chart(
    parameter: Parameter,
    rows: Sequence[TrialRow],
    accuracies: Mapping[int, Mapping[str, float]],
    levels: Sequence[str],
    metric: str,
) -> Spec:
    """One parameter against the objective metric or, by a choice, against the accuracy at one level."""
    what = [metric, *(level for level in levels if any(level in own for own in accuracies.values()))]
    values = []
    for row in rows:
        if row.number not in parameter.values:
            continue
        own = parameter.values[row.number]
        at: dict[str, object] = {"number": row.number, "status": row.status.value, "x": own}
        if row.value is not None:
            at["y0"] = rounded(row.value)
        known = accuracies.get(row.number, {})
        at |= {f"y{index}": rounded(known[level]) for index, level in enumerate(what) if index and level in known}
        values.append(at)
    colour, shape = status_scale([row.status for row in rows if row.number in parameter.values])
    x: Spec = {"field": "x", "type": "quantitative" if parameter.is_number else "nominal", "title": cut(parameter.name)}
    if parameter.is_number:
        own_scale = {"type": "log"} if parameter.log else {"type": "linear", "zero": False}
        x["scale"] = {**own_scale, "nice": False, "padding": 8}
        if all(isinstance(own, float) and own.is_integer() for own in parameter.values.values()):
            x["axis"] = {"tickMinStep": 1}
    else:
        x["axis"] = {"labelAngle": 0}
    encoding = {
        "x": x,
        "y": {"field": "y", "type": "quantitative", "title": "value", "scale": {"zero": False}},
        "color": colour,
        "shape": shape,
        "tooltip": tip(*_TRIAL, ("x", cut(parameter.name)), ("y", "value")),
    }
    # The choice is by number: names of levels are data, and must not be part of an expression.
    options, texts = (
        list(range(len(what))),
        [f"value: {cut(metric)}", *(f"accuracy at {cut(name)}" for name in what[1:])],
    )
    chosen = {
        "name": "shown",
        "value": 0,
        "bind": {"input": "select", "options": options, "labels": texts, "name": "Show "},
    }
    return chart(
        220,
        values,
        params=[chosen],
        transform=[{"calculate": "datum['y' + shown]", "as": "y"}, {"filter": "isValid(datum.y)"}],
        mark={"type": "point", "filled": True, "size": 50},
        encoding=encoding,
    )
