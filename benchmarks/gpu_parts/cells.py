"""Rows of the part `evidence` as cells of a benchmark: the same comparison, tables and pictures as of a suite."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from gpu_parts.evidence import ARMS, PART, SEEDS
from hmlc_ray.benchmark.results import SCHEMA, Line
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.validate import validate

NAME, DATA = "gpu-evidence", "CIFAR-100"
FIGURES = {"probe": "probe_top1", "knn": "knn_top1"}


def suite_of(baseline: str) -> SuiteConfig:
    """The arms of the part as a suite that tunes nothing."""
    values: dict[str, Any] = {
        "benchmark": {
            "name": NAME,
            "baseline": baseline,
            "seeds": list(range(SEEDS)),
            "tuning": {"trials": 0},
        },
        "data": {DATA: {"data": {"kind": "cifar100"}}},
        "arms": {name: {"objective": objective} for name, objective in ARMS.items()},
    }
    return validate(SuiteConfig, values, PART)


def cells_of(entries: Iterable[dict[str, Any]]) -> list[Line]:
    """The entries of a results file that are runs of an arm; the last one of each arm, seed and number of epochs.

    Raises:
        ValueError: if the runs have different numbers of epochs: they cannot be compared.
    """
    cells: dict[tuple[str, int], Line] = {}
    epochs = set()
    for entry in entries:
        match = re.fullmatch(r"(.+), seed (\d+), (\d+) epochs", entry["row"])
        if entry["part"] != PART or match is None or entry.get("error"):
            continue
        epochs.add(int(match[3]))
        cells[match[1], int(match[2])] = _cell(entry, match[1], int(match[2]))
    if len(epochs) > 1:
        raise ValueError(f"the runs have different numbers of epochs: {sorted(epochs)}")
    return list(cells.values())


def _cell(entry: dict[str, Any], arm: str, seed: int) -> Line:
    values: dict[str, Any] = entry["values"]
    metrics = {
        f"{FIGURES[kind]}/{level}": value
        for kind, level, value in ((*name.partition(" ")[::2], value) for name, value in values.items())
        if kind in FIGURES and level
    }
    known = json.dumps([values["config"], values["data"], entry["sources"], entry["hardware"]])
    return Line(
        schema=SCHEMA,
        phase="cell",
        suite=NAME,
        data=DATA,
        arm=arm,
        number=seed,
        identity=hashlib.sha256(known.encode()).hexdigest(),
        fingerprint=values["data"],
        searched={},
        levels=[name.removeprefix("probe_top1/") for name in metrics if name.startswith("probe_top1/")][:-1],
        value=None,
        metrics=metrics,
        seconds=float(values["training"]),
        run_id="",
        store="",
        version="",
        commit="",
        finished=entry["date"],
        hardware=entry["hardware"],
    )
