"""Made trials of a study over two levels, as MLflow would give them."""

from __future__ import annotations

import json

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import rows_of
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.tracking import TrialRun

LEVELS = ("parity", "digit")


def made_sweep(**study: object) -> SweepConfig:
    return SweepConfig.model_validate(
        {
            "study": {"name": "made", "num_trials": 6, "scheduler": {"kind": "asha", "reduction_factor": 2}, **study},
            "base": {"data": {"kind": "digits"}, "training": {"epochs": 8}, "evaluation": {"every": 1}},
            "space": {
                "objective.temperature": {"float": [0.05, 0.5], "log": True},
                "objective.level_weights": {"simplex": "levels"},
                "objective": {
                    "branch": {
                        "g-hmlc": {"mixture_components": {"int": [2, 6]}},
                        "a-hmlc": {"attention_temperature": {"float": [0.5, 2.0]}},
                    }
                },
            },
        }
    )


def made_run(
    number: int,
    status: str = "completed",
    *,
    epochs: int = 8,
    levels: tuple[str, str] = LEVELS,
    **searched: object,
) -> TrialRun:
    """Trial 0 has the value 0.5, and every later one 0.01 more."""
    value, own = 0.5 + number / 100, {"objective[g-hmlc].mixture_components": 2 + number % 4}
    if number % 2:
        own = {"objective[a-hmlc].attention_temperature": 0.5 + number / 10}
    params = {
        "objective.kind": "a-hmlc" if number % 2 else "g-hmlc",
        "objective.temperature": 0.1 + number / 100,
        "objective.level_weights.stick0": (number + 1) / 20,
        **own,
        **searched,
    }
    tags = {
        schema.STATUS: status,
        schema.VALUE: repr(value),
        schema.EPOCHS: str(epochs),
        schema.SECONDS: "2.5",
        schema.SEARCHED: json.dumps(params),
    }
    by_level = {"mean": value, levels[0]: value + 0.1, levels[1]: value - 0.1}
    metrics = {metric_key(f"val/probe_top1/{level}"): each for level, each in by_level.items()}
    return TrialRun(f"run{number}", str(number), "FINISHED", {}, metrics, tags)


def made_rows(runs: list[TrialRun], sweep: SweepConfig) -> tuple[list[TrialRow], dict[int, TrialRun]]:
    return rows_of(runs, sweep.study), {int(run.trial_id): run for run in runs}
