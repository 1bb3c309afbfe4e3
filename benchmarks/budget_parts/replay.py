"""Every sampler with every scheduler on learning curves that were collected before: no training, many seeds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from budget_parts.candidates import SCHEDULERS, samplers, scheduler_of, search_of
from budget_parts.curves import CurveSet
from budget_parts.simulation import Simulation
from budget_parts.surrogate import Surrogate
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.sweep.tune.recorder import activate

MANY = 100_000
RESAMPLES = 2_000


@dataclass(frozen=True)
class Question:
    """What is asked of every combination. Budgets are in full trainings: the time of all slots, over that of one."""

    budget: float = 32.0
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Parts of the budget at which the best value is read."""
    slots: int = 4
    seeds: int = 20
    every: int = 5
    """Epochs between two evaluations."""
    quantile: float = 0.95
    """The value to be reached is that which so many of the curves do not reach."""


def sweep_of(curves: CurveSet) -> SweepConfig:
    """The sweep that the curves are of; its data need not be there."""
    return load_sweep(curves.facts["space"], curves.facts["overrides"])


def replay(
    curves: CurveSet, question: Question, wanted: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[dict[str, Any]]:
    """A row for every combination of sampler and scheduler.

    Args:
        wanted: the schedulers of each sampler; None: all of all.
    """
    sweep = sweep_of(curves)
    space, surrogate = sweep.search_space(), Surrogate(sweep.search_space(), curves)
    wanted = wanted or dict.fromkeys(samplers(), SCHEDULERS)
    activate(SimpleNamespace(seen_before={}, ended_before=frozenset()))  # type: ignore[arg-type]
    try:
        for sampler, schedulers in wanted.items():
            for scheduler in schedulers:
                start = time.process_time()
                found = [
                    _one(sampler, scheduler, sweep, space, surrogate, question, seed) for seed in range(question.seeds)
                ]
                yield {
                    "space": curves.facts["space"],
                    "sampler": sampler,
                    "scheduler": scheduler,
                    "slots": question.slots,
                    "every": question.every,
                    "budget": question.budget,
                    "target": round(surrogate.quantile(question.quantile), 4),
                    "reached": [one["reached"] for one in found],
                    **{f"value at {share:g}": [one[share] for one in found] for share in question.shares},
                    "trials": [one["trials"] for one in found],
                    "cpu_seconds": round(time.process_time() - start, 1),
                }
    finally:
        activate(None)


def _one(
    sampler: str,
    scheduler: str,
    sweep: SweepConfig,
    space: SearchSpace,
    surrogate: Surrogate,
    question: Question,
    seed: int,
) -> dict[Any, Any]:
    """One simulated sweep."""
    study = sweep.study.model_copy(update={"seed": seed, "num_trials": MANY, "name": "replay"})
    per_training = surrogate.full_seconds / question.slots
    simulation = Simulation(
        search_of(sampler, space, study),
        scheduler_of(scheduler, -(-surrogate.epochs // question.every)),
        surrogate,
        slots=question.slots,
        every=question.every,
    )
    outcome = simulation.run(question.budget * per_training)
    reached = outcome.reached(surrogate.quantile(question.quantile)) / per_training
    return {
        "reached": round(reached, 2) if reached <= question.budget else None,
        "trials": len(outcome.trials),
        **{share: outcome.best_at(share * question.budget * per_training) for share in question.shares},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of one space in Markdown, those that reach the value soonest first."""
    shares = [name for name in rows[0] if name.startswith("value at")]
    budget = rows[0]["budget"]
    titles = [f"best after {budget * float(name.split()[-1]):g}, %" for name in shares]
    lines = [
        f"| sampler | scheduler | full trainings until {100 * rows[0]['target']:.1f} % | reached | "
        f"{' | '.join(titles)} | trials |",
        "|---" * (5 + len(shares)) + "|",
    ]
    for row in sorted(rows, key=lambda row: float(np.mean(times(row)))):
        values = " | ".join(interval(100 * np.array(row[name]), 2) for name in shares)
        share = sum(one is not None for one in row["reached"])
        lines.append(
            f"| {row['sampler']} | {row['scheduler']} | {interval(times(row), 1)} | {share} of {len(row['reached'])} | "
            f"{values} | {np.mean(row['trials']):.0f} |"
        )
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
