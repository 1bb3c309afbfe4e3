"""Every sampler with every scheduler on learning curves that were collected before: no training, many seeds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from budget_parts.candidates import scheduler_of, search_of
from budget_parts.curves import CurveSet
from budget_parts.simulation import Simulation
from budget_parts.surrogate import Surrogate
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.sweep.tune.recorder import activate

MANY = 100_000
RESAMPLES = 2_000
BASE = "tpe"
"""What the packaged spaces use."""
AHEAD = {"hyperband": 4}
"""Trials that wait: Hyperband never fills a bracket whose trials end before the next ones are drawn."""
KEYS = ("space", "sampler", "scheduler", "curves", "slots", "every", "budget", "seeds", "target")
"""What makes a row another one."""


@dataclass(frozen=True)
class Question:
    """What is asked of every combination. Budgets are in full trainings: the time of all slots, over that of one."""

    budget: float = 16.0
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Parts of the budget at which the best value is read."""
    slots: int = 2
    seeds: int = 20
    quantile: float = 0.95
    """The value to be reached is that which so many of the curves do not reach."""


def sweep_of(curves: CurveSet) -> SweepConfig:
    """The sweep that the curves are of; its data need not be there."""
    return load_sweep(curves.facts["space"], curves.facts["overrides"])


def replay(
    curves: CurveSet, sampler: str, scheduler: str, question: Question, known: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The row of a combination: one of those that are `known`, or a new one."""
    sweep = sweep_of(curves)
    space, surrogate = sweep.search_space(), Surrogate(sweep.search_space(), curves)
    row: dict[str, Any] = {
        "space": curves.facts["space"],
        "sampler": sampler,
        "scheduler": scheduler,
        "curves": len(curves.curves),
        "slots": question.slots,
        "every": sweep.base_trial().evaluation.every,
        "budget": question.budget,
        "seeds": question.seeds,
        "target": round(surrogate.quantile(question.quantile), 4),
    }
    for other in known:
        if all(other[key] == row[key] for key in KEYS):
            return other
    start = time.process_time()
    found = [_one(row, sweep, space, surrogate, question, seed) for seed in range(question.seeds)]
    return row | {
        "reached": [one["reached"] for one in found],
        **{f"value at {share:g}": [one[share] for one in found] for share in question.shares},
        "trials": [one["trials"] for one in found],
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def _one(
    row: dict[str, Any], sweep: SweepConfig, space: SearchSpace, surrogate: Surrogate, question: Question, seed: int
) -> dict[Any, Any]:
    """One simulated sweep."""
    study = sweep.study.model_copy(update={"seed": seed, "num_trials": MANY, "name": "replay"})
    per_training = surrogate.full_seconds / question.slots
    activate(SimpleNamespace(seen_before={}, ended_before=frozenset()))  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings():
            # Of Optuna: an experimental option; of Tune: a draw that took long, as any does beside other work.
            warnings.simplefilter("ignore")
            simulation = Simulation(
                search_of(row["sampler"], space, study),
                scheduler_of(row["scheduler"], -(-surrogate.epochs // row["every"])),
                surrogate,
                slots=question.slots,
                every=row["every"],
                ahead=AHEAD.get(row["scheduler"], 0),
            )
            outcome = simulation.run(question.budget * per_training)
    finally:
        activate(None)
    reached = outcome.reached(row["target"]) / per_training
    return {
        "reached": round(reached, 2) if reached <= question.budget else None,
        "trials": len(outcome.trials),
        **{share: outcome.best_at(share * question.budget * per_training) for share in question.shares},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of one space in Markdown, those that reach the value soonest first.

    All samplers draw the same first trials, so they are compared by seed: how many full trainings sooner than the
    `BASE` with the same scheduler.
    """
    base = {row["scheduler"]: times(row) for row in rows if row["sampler"] == BASE}
    shares = [name for name in rows[0] if name.startswith("value at")]
    budget = rows[0]["budget"]
    titles = ["sampler", "scheduler", f"full trainings until {100 * rows[0]['target']:.1f} %", f"sooner than {BASE}"]
    titles += ["reached", *(f"best after {budget * float(name.split()[-1]):g}, %" for name in shares), "trials"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in sorted(rows, key=lambda row: float(np.mean(times(row)))):
        known = base.get(row["scheduler"], np.empty(0))
        paired = interval(known - times(row), 1) if row["sampler"] != BASE and len(known) == len(times(row)) else ""
        reached = f"{sum(one is not None for one in row['reached'])} of {len(row['reached'])}"
        values = [interval(100 * np.array(row[name]), 2) for name in shares]
        cells = [row["sampler"], row["scheduler"], interval(times(row), 1), paired, reached, *values]
        lines.append(f"| {' | '.join(cells)} | {np.mean(row['trials']):.0f} |")
    return "\n".join(lines)


def times(row: dict[str, Any]) -> np.ndarray:
    """Full trainings until the value was reached; where it was not, all of the budget."""
    return np.array([row["budget"] if one is None else one for one in row["reached"]])


def interval(values: np.ndarray, digits: int) -> str:
    """The mean, with the 95 % interval of a bootstrap over the seeds."""
    random = np.random.default_rng(0)
    means = random.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
