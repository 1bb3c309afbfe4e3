"""Charts of a benchmark: differences with their intervals, and fronts."""

from __future__ import annotations

from collections.abc import Sequence

from hmlc_ray.benchmark.comparison import Row
from hmlc_ray.benchmark.fronts import Front
from hmlc_ray.report.charts.base import Spec, chart, labels, rounded, tip

ALPHA = 0.05
"""p-value, after Holm's correction, below which a difference is marked."""


def forest_chart(rows: Sequence[Row]) -> Spec:
    """Each arm's difference to the baseline with its interval, at one level of one data set."""
    values, arms = [], labels(row.arm for row in rows)
    for row in rows:
        if row.against is not None:
            found = row.against.interval
            values.append(
                {
                    "arm": arms[row.arm],
                    "difference": rounded(found.mean),
                    "low": rounded(found.low),
                    "high": rounded(found.high),
                    "p": rounded(row.p_holm) if row.p_holm == row.p_holm else None,
                    "sure": f"p < {ALPHA}" if row.p_holm < ALPHA else "not significant",
                }
            )
    x = {"type": "quantitative", "title": "difference to the baseline, points"}
    shared = {
        "y": {"field": "arm", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 190}},
        "color": {
            "field": "sure",
            "type": "nominal",
            "title": None,
            "scale": {"domain": [f"p < {ALPHA}", "not significant"], "range": ["#3a86c8", "#7d8a97"]},
        },
        "tooltip": tip(("arm", "arm"), ("difference", "difference"), ("low", "from"), ("high", "to"), ("p", "p")),
    }
    ends = {"x": {"field": "low", **x}, "x2": {"field": "high"}}
    bars = {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {**shared, **ends}}
    dot = {"type": "point", "filled": True, "size": 60, "shape": "square"}
    dots = {"mark": dot, "encoding": {**shared, "x": {"field": "difference", **x}}}
    zero = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeDash": [4, 3]},
        "encoding": {"x": {"field": "zero", **x}},
    }
    return chart(24 * len(values), values, layer=[zero, bars, dots])


def fronts_chart(fronts: Sequence[Front]) -> Spec:
    """Coarse against leaf accuracy over level weights, a line for each arm of one data set."""
    arms = labels(front.arm for front in fronts)
    values = [
        {"arm": arms[front.arm], "weight": weight, "coarse": rounded(coarse), "leaf": rounded(leaf)}
        for front in fronts
        for weight, (coarse, leaf) in sorted(front.points.items())
    ]
    scale = {"type": "quantitative", "scale": {"zero": False}}
    encoding = {
        "x": {"field": "coarse", "title": "coarsest level, top-1 %", **scale},
        "y": {"field": "leaf", "title": "leaf level, top-1 %", **scale},
        "color": {"field": "arm", "type": "nominal", "title": None},
        "order": {"field": "weight", "type": "quantitative"},
        "tooltip": tip(("arm", "arm"), ("weight", "leaf weight"), ("coarse", "coarsest, %"), ("leaf", "leaf, %")),
    }
    return chart(300, values, encoding=encoding, mark={"type": "line", "point": True})
