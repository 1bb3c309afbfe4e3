"""The names of the metrics that a sweep can optimise."""

from __future__ import annotations

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.levels import level_names
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.nearest import nearest

FIGURES = ("val/probe_top1", "val/knn_top1")
"""What every evaluation reports on validation; other metrics are computed after the last epoch only."""
AVERAGES = ("mean", "leaf")


def check_metric(name: str, data: DataConfig, where: str) -> None:
    """Check that every evaluation on these data reports a metric.

    The levels' names are looked up only where the name ends in something other than `mean` or `leaf`.

    Raises:
        ConfigError: naming the nearest metric and all of them.
        DataError: if an image folder has to be looked at and is missing or empty.
    """
    if name in {f"{figure}/{end}" for figure in FIGURES for end in AVERAGES}:
        return
    known = name.startswith(tuple(f"{figure}/" for figure in FIGURES))  # a level's name may hold any character
    ends = [*AVERAGES, *(level_names(data) if known else ())]
    allowed = [f"{figure}/{end}" for figure in FIGURES for end in ends]
    if name in allowed:
        return
    raise ConfigError(
        f"{where} is {name!r}{nearest(name, allowed)}; every evaluation reports {', '.join(allowed)}"
        + ("" if known else " and the same for each level's name")
    )
