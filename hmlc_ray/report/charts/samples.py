"""The map of samples."""

from __future__ import annotations

from collections import Counter

from hmlc_ray.report.charts.base import Spec, chart, cut, labels, tip
from hmlc_ray.report.content.samples import Samples

_MOST_COLOURS = 9
OTHERS = "other classes"


def map_chart(samples: Samples) -> Spec:
    """Samples as points, coloured by their class at a level that is chosen below the chart.

    A level with more classes than there are colours shows the most frequent ones, and one colour for all others.
    """
    kept = [_most_frequent([sample.true[h] for sample in samples.mapped]) for h in range(len(samples.levels))]
    shown = [labels(sorted(names)) for names in kept]
    values, judged = [], samples.wrong is not None
    for (x, y), sample in zip(samples.points, samples.mapped, strict=True):
        at = {"x": x, "y": y, "name": cut(sample.name, 120), "true": cut(" / ".join(sample.true), 120)}
        at |= {f"c{h}": shown[h].get(name, OTHERS) for h, name in enumerate(sample.true)}
        if sample.predicted:
            wrong = sample.true[-1] != sample.predicted[-1]
            at |= {"said": cut(" / ".join(sample.predicted), 120), "wrong": "wrong leaf" if wrong else "right leaf"}
        if sample.thumbnail is not None:
            at["picture"] = sample.thumbnail
        values.append(at)
    axis = {"type": "quantitative", "axis": None, "scale": {"zero": False, "nice": False, "padding": 10}}
    encoding: Spec = {
        "x": {"field": "x", **axis},
        "y": {"field": "y", **axis},
        "color": {"field": "class", "type": "nominal", "title": None},
        "tooltip": tip(("name", "sample"), ("true", "true"), ("said", "predicted"))[: 3 if judged else 2],
    }
    if judged:
        scale = {"domain": ["right leaf", "wrong leaf"], "range": ["circle", "cross"]}
        encoding["shape"] = {"field": "wrong", "type": "nominal", "title": None, "scale": scale}
    options, levels = list(range(len(samples.levels))), [cut(level) for level in samples.levels]
    bound = {"input": "select", "options": options, "labels": levels, "name": "Colour by "}
    return chart(
        420,
        values,
        params=[{"name": "shown", "value": 0, "bind": bound}],
        transform=[{"calculate": "datum['c' + shown]", "as": "class"}],
        mark={"type": "point", "filled": True, "size": 45, "opacity": 0.85},
        encoding=encoding,
    )


def _most_frequent(names: list[str]) -> set[str]:
    counts = Counter(names)
    if len(counts) <= _MOST_COLOURS:
        return set(counts)
    return {name for name, _ in counts.most_common(_MOST_COLOURS - 1)}
