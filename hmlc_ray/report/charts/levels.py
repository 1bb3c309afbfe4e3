"""Charts of one encoder: accuracy per level, confusions by the tree, masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hmlc_ray.names.counts import many
from hmlc_ray.report.charts.base import Spec, chart, labels, lines, rounded, tip
from hmlc_ray.report.content.confusion import Confusion
from hmlc_ray.report.content.levels import LevelResult
from hmlc_ray.report.content.masks import Masks
from hmlc_ray.taxonomies.level_masks import dimension_order

_MOST_COLUMNS = 512
"""Dimensions that are drawn; of more, the mean of neighbours."""
_CLASS_LETTERS = 28
_RIGHT, _WRONG = "right", "taken for another class"


def level_chart(results: Sequence[LevelResult]) -> Spec:
    """The linear probe's accuracy per level with its interval."""
    levels = labels(result.level for result in results)
    splits = [split for split in ("test", "val") if any(result.split == split for result in results)]
    values = []
    for result in results:
        low, high = result.interval or (result.values["probe_top1"],) * 2
        at = {"level": levels[result.level], "split": result.split, "accuracy": rounded(result.values["probe_top1"])}
        values.append({**at, "low": rounded(low), "high": rounded(high)})
    y = {"field": "level", "type": "nominal", "title": None, "scale": {"domain": list(levels.values())}}
    ticks = {"format": "~%", "tickCount": 6}  # as many digits as distinguish near shares
    encoding = {
        "y": y,
        "yOffset": {"field": "split", "type": "nominal", "scale": {"domain": splits}},
        "color": {"field": "split", "type": "nominal", "title": None, "scale": {"domain": splits}},
        "tooltip": tip(
            ("level", "level"), ("split", "split"), ("accuracy", "accuracy"), ("low", "from"), ("high", "to")
        ),
    }
    x = {"type": "quantitative", "title": "linear probe, top-1", "scale": {"zero": False}, "axis": ticks}
    bar = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}},
    }
    dot = {"mark": {"type": "point", "filled": True, "size": 60}, "encoding": {"x": {"field": "accuracy", **x}}}
    height = 18 * len(splits) * len(levels)
    return chart(height, values, encoding=encoding, layer=[bar, dot])


def confusion_chart(matrix: Confusion) -> Spec:
    """The share of each true class by what was predicted, the classes in the order of the tree."""
    shown = labels(matrix.classes, _CLASS_LETTERS)
    names = [shown[name] for name in matrix.classes]
    totals = [0] * len(names)
    for (true, _), count in matrix.counts.items():
        totals[true] += count
    values = [
        {
            "true": names[true],
            "predicted": names[said],
            "share": rounded(count / totals[true]),
            "samples": count,
            "kind": _RIGHT if true == said else _WRONG,
        }
        for (true, said), count in sorted(matrix.counts.items())
    ]
    axis = {"type": "nominal", "scale": {"domain": names}}
    kinds = {"domain": [_RIGHT, _WRONG], "range": ["#3a86c8", "#d9772b"]}
    fields = (("true", "true"), ("predicted", "predicted"), ("samples", "samples"), ("share", "share of the class"))
    encoding = {
        "y": {"field": "true", "title": "true class", **axis},
        "x": {"field": "predicted", "title": "predicted class", **axis, "axis": {"labelAngle": -60}},
        "color": {"field": "kind", "type": "nominal", "title": None, "scale": kinds},
        # By the root, a rare mistake is seen as well, on a light page and on a dark one.
        "opacity": {
            "field": "share",
            "type": "quantitative",
            "legend": None,
            "scale": {"type": "sqrt", "domain": [0, 1], "range": [0.12, 1]},
        },
        "tooltip": tip(*fields),
    }
    return chart(confusion_step(matrix) * len(names), values, encoding=encoding, mark={"type": "rect"})


def confusion_step(matrix: Confusion) -> int:
    """Pixels of a class."""
    return max(8, min(26, 480 // len(matrix.classes)))


def mask_chart(masks: Masks) -> Spec:
    """The masks [H, D]: rows are levels, columns are dimensions, those of one level side by side."""
    order = dimension_order(np.array(masks.values)).tolist()
    width = -(-len(order) // _MOST_COLUMNS)
    values, levels = [], labels(masks.levels)
    for level, row in zip(masks.levels, masks.values, strict=True):
        for column, start in enumerate(range(0, len(order), width)):
            own = order[start : start + width]
            value = sum(row[d] for d in own) / len(own)
            what = str(own[0]) if width == 1 else many(len(own), "dimension")
            values.append({"level": levels[level], "column": column, "dimension": what, "value": rounded(value)})
    encoding = {
        "y": {"field": "level", "type": "nominal", "title": None, "scale": {"domain": list(levels.values())}},
        "x": {
            "field": "column",
            "type": "ordinal",
            "title": "dimensions of the embedding, sorted by level",
            "axis": {"labels": False, "ticks": False},
        },
        "color": {
            "field": "value",
            "type": "quantitative",
            "title": "mask",
            "scale": {"scheme": "viridis", "domain": [0, 1]},
        },
        "tooltip": tip(("level", "level"), ("dimension", "dimension"), ("value", "mask")),
    }
    return chart(34 * len(levels), values, encoding=encoding, mark={"type": "rect"})


def mask_history_chart(masks: Masks) -> Spec:
    """Dimensions per level over the epochs; of soft masks the mean gate."""
    return lines(masks.history, "mean gate" if masks.soft else "dimensions")
