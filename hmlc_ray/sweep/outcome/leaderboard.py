"""The ranked trials as a table that MLflow's interface shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study.leaderboard import rank
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.outcome.searched import short_values
from hmlc_ray.tracking import TrialRun

LEADERBOARD = "leaderboard.json"


def write_leaderboard(
    study: StudyConfig, rows: Sequence[TrialRow], runs: Mapping[int, TrialRun], levels: Sequence[str], file: Path
) -> None:
    """Write the trials, completed ones first and the best of them first of all, in the format of MLflow's tables."""
    ordered = sorted(rows, key=lambda row: (row.status != TrialStatus.COMPLETED, *_last(row, study.mode)))
    params = {row.number: short_values(row.params, levels) for row in rows}
    names = list(dict.fromkeys(name for known in params.values() for name in known))
    family = study.objective_metric.rpartition("/")[0]
    metrics = [f"{family}/{level}" for level in levels if f"{family}/{level}" != study.objective_metric]
    columns = ["rank", "trial", "status", study.objective_metric, *metrics, "epochs", "seconds", *names, "run"]
    data = [
        [
            place + 1,
            row.number,
            str(row.status),
            row.value,
            *(_metric(runs.get(row.number), name) for name in metrics),
            row.epochs,
            None if row.seconds is None else round(row.seconds, 1),
            *(params[row.number].get(name) for name in names),
            row.run_id,
        ]
        for place, row in enumerate(ordered)
    ]
    file.write_text(json.dumps({"columns": columns, "data": data}), encoding="utf-8")


def _metric(run: TrialRun | None, name: str) -> float | None:
    return None if run is None else run.metrics.get(metric_key(name))


def _last(row: TrialRow, mode: str) -> tuple[float, float]:
    """Sorts the worse later, and those without a value last."""
    if row.value is None:
        return (float("inf"), row.number)
    value, number = rank(mode, row.value, row.number)
    return (-value, -number)
