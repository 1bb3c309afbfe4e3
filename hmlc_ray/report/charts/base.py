"""What all charts share: their looks on light and dark pages, scales of statuses, and lines over epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hmlc_ray.names import cut as shortening
from hmlc_ray.study.schema import TrialStatus

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
INK = "currentColor"
"""The colour of the page's text, in both themes."""
_MOST_MARKED = 10
"""Epochs between the first and the last up to which each is marked on its axis."""
CONFIG: Spec = {
    "background": None,
    "aria": False,  # the page describes each chart in words
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "mark": {"aria": False},
    "axis": {
        "aria": False,
        "labelColor": INK,
        "titleColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.12,
        "domainColor": INK,
        "domainOpacity": 0.4,
        "tickColor": INK,
        "tickOpacity": 0.4,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 150,
    },
    "legend": {
        "aria": False,
        "orient": "bottom",
        "columns": {"expr": "width < 420 ? 2 : 4"},
        "labelColor": INK,
        "titleColor": INK,
        "labelLimit": 160,
        "symbolStrokeWidth": 2,
        "symbolBaseFillColor": INK,
        "symbolBaseStrokeColor": INK,
        "symbolLimit": 20,
    },
    "text": {"fill": INK},
    "rule": {"stroke": INK},
    "range": {
        "category": ["#3a86c8", "#d9772b", "#2f9e6e", "#c2588e", "#8c76d8", "#a8892c", "#46a3b4", "#c65a4e", "#7d8a97"]
    },
}
_COLOURS = {
    TrialStatus.COMPLETED: "#3a86c8",
    TrialStatus.PRUNED: "#d9772b",
    TrialStatus.RUNNING: "#2f9e6e",
    TrialStatus.FAILED: "#c65a4e",
    TrialStatus.INTERRUPTED: "#7d8a97",
}
_SHAPES = {
    TrialStatus.COMPLETED: "circle",
    TrialStatus.PRUNED: "triangle-down",
    TrialStatus.RUNNING: "diamond",
    TrialStatus.FAILED: "cross",
    TrialStatus.INTERRUPTED: "square",
}
MOST_LETTERS = 60
_SHOWN_LETTERS = 24
"""Letters that fit within the narrowest `labelLimit`."""
_BREAKS = dict.fromkeys((0x0A, 0x0D, 0x2028, 0x2029), " ")
"""Vega's expressions, in which it tests for values, may hold no line break."""


def chart(height: int, values: Sequence[Mapping[str, Any]], **parts: Any) -> Spec:
    """A chart as wide as the page that shows rows of data."""
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
        "data": {"values": list(values)},
        **parts,
    }


def cut(text: str, letters: int = MOST_LETTERS) -> str:
    """A name on one line that is not too long to be drawn."""
    return shortening.cut(_on_one_line(text), letters)


def labels(of: Iterable[str], letters: int | None = None) -> dict[str, str]:
    """Names of an axis or a legend, each as it is shown there; different names differ within what Vega shows of them.

    Args:
        letters: how many; None: as `cut` has, or fewer where Vega would cut off in what the names differ.
    """
    every = list(dict.fromkeys(of))
    if letters is None:
        are_clear = len({name[:_SHOWN_LETTERS] for name in every}) == len(every)
        letters = MOST_LETTERS if are_clear else _SHOWN_LETTERS
    return shortening.cut_apart(every, letters, _on_one_line)


def _on_one_line(text: str) -> str:
    return text.translate(_BREAKS)


def rounded(value: float) -> float:
    """A value with the digits that a chart can show: the file is smaller."""
    return float(f"{value:.5g}")


def status_scale(statuses: Sequence[TrialStatus]) -> tuple[Spec, Spec]:
    """Encodings of the field `status` as a colour and as a shape, for the statuses that occur."""
    known = [status for status in TrialStatus if status in statuses]
    domain = [status.value for status in known]
    colour = {"field": "status", "type": "nominal", "title": None}
    return (
        {**colour, "scale": {"domain": domain, "range": [_COLOURS[status] for status in known]}},
        {**colour, "scale": {"domain": domain, "range": [_SHAPES[status] for status in known]}},
    )


def tip(*fields: tuple[str, str]) -> list[Spec]:
    """What is shown where the pointer is: fields with their titles."""
    return [{"field": field, "title": title} for field, title in fields]


def epochs(shown: Iterable[int]) -> Spec:
    """The x axis of epochs; where they are few, vega would mark halves of them too."""
    known = sorted(set(shown))
    few = bool(known) and known[-1] - known[0] <= _MOST_MARKED
    axis: Spec = {"values": list(range(known[0], known[-1] + 1)), "format": "d"} if few else {"tickMinStep": 1}
    return {"field": "epoch", "type": "quantitative", "title": "epoch", "axis": axis}


def lines(curves: Mapping[str, Sequence[tuple[int, float]]], value: str, height: int = 220) -> Spec:
    """Named lines over epochs; where only one point is known, that point."""
    shown = labels(curves)
    values = [
        {"name": shown[name], "epoch": epoch, "value": rounded(number)}
        for name, points in curves.items()
        for epoch, number in points
    ]
    order = list(shown.values())
    encoding = {
        "x": epochs(epoch for points in curves.values() for epoch, _ in points),
        "y": {"field": "value", "type": "quantitative", "title": value, "scale": {"zero": False}},
        "color": {"field": "name", "type": "nominal", "title": None, "scale": {"domain": order}},
        "strokeDash": {"field": "name", "type": "nominal", "title": None, "scale": {"domain": order}},
        "tooltip": tip(("name", "of"), ("epoch", "epoch"), ("value", value)),
    }
    dots = {"mark": {"type": "point", "filled": True, "size": 30}, "encoding": {"strokeDash": {"value": None}}}
    return chart(height, values, encoding=encoding, layer=[{"mark": "line"}, dots])
