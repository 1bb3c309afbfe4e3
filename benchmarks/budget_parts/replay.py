"""Every sampler with every scheduler on learning curves that were collected before: no training, many seeds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from optuna.trial import TrialState

from budget_parts.candidates import scheduler_of, search_of
from budget_parts.curves import CurveSet
from budget_parts.simulation import Outcome, Simulation
from budget_parts.surrogate import Surrogate
from hmlc_ray.config.dimensions import readable
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.start import StartConfig, first_points
from hmlc_ray.config.sweep import StudyConfig, SweepConfig, load_sweep
from hmlc_ray.sweep.tune.recorder import activate
from hmlc_ray.sweep.tune.search import StudySearch

MANY = 100_000
RESAMPLES = 2_000
BASE = "tpe"
"""What the packaged spaces use."""
AHEAD = {"hyperband": 4}
"""Trials that wait: Hyperband never fills a bracket whose trials end before the next ones are drawn."""
KEYS = ("space", "sampler", "scheduler", "start", "curves", "slots", "every", "budget", "seeds", "target")
"""What makes a row another one."""
EARLIER_SEED = 1_000
"""Of the first earlier study; the others count on from there."""


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
    earlier: CurveSet | None = None
    """Curves of another space: each sweep starts from the best points of one on these, of the same budget and slots, by
    the packaged sampler and scheduler."""


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
        "start": question.earlier.facts["space"] if question.earlier else None,
        "curves": len(curves.curves),
        "slots": question.slots,
        "every": sweep.base_trial().evaluation.every,
        "budget": question.budget,
        "seeds": question.seeds,
        "target": round(surrogate.quantile(question.quantile), 4),
    }
    for other in known:
        if all(other.get(key) == row[key] for key in KEYS):
            return other
    start = time.process_time()
    found = [
        _one(_Case(sweep, space, surrogate, sampler, scheduler), row["target"], question, seed)
        for seed in range(question.seeds)
    ]
    return row | {
        "reached": [one["reached"] for one in found],
        **{f"value at {share:g}": [one[share] for one in found] for share in question.shares},
        "trials": [one["trials"] for one in found],
        "cpu_seconds": round(time.process_time() - start, 1),
    }


@dataclass(frozen=True)
class _Case:
    """What is simulated, with any seed."""

    sweep: SweepConfig
    space: SearchSpace
    surrogate: Surrogate
    sampler: str = BASE
    scheduler: str = "asha"

    def per_training(self, question: Question) -> float:
        """Seconds of the slots that are one full training."""
        return self.surrogate.full_seconds / question.slots

    def run(self, question: Question, seed: int, start: StartConfig) -> tuple[StudySearch, Outcome]:
        changed = {"seed": seed, "num_trials": MANY, "name": "replay", "start": start}
        study: StudyConfig = self.sweep.study.model_copy(update=changed)
        every = self.sweep.base_trial().evaluation.every
        activate(SimpleNamespace(seen_before={}, ended_before=frozenset()))  # type: ignore[arg-type]
        try:
            with warnings.catch_warnings():
                # Of Optuna: an experimental option; of Tune: a draw that took long, as any does beside other work.
                warnings.simplefilter("ignore")
                search = search_of(self.sampler, self.space, study)
                simulation = Simulation(
                    search,
                    scheduler_of(self.scheduler, -(-self.surrogate.epochs // every)),
                    self.surrogate,
                    slots=question.slots,
                    every=every,
                    ahead=AHEAD.get(self.scheduler, 0),
                )
                return search, simulation.run(question.budget * self.per_training(question))
        finally:
            activate(None)


def _one(case: _Case, target: float, question: Question, seed: int) -> dict[Any, Any]:
    """One simulated sweep."""
    _, outcome = case.run(question, seed, _start(case.space, question, seed))
    per_training = case.per_training(question)
    reached = outcome.reached(target) / per_training
    return {
        "reached": round(reached, 2) if reached <= question.budget else None,
        "trials": len(outcome.trials),
        **{share: outcome.best_at(share * question.budget * per_training) for share in question.shares},
    }


def _start(space: SearchSpace, question: Question, seed: int) -> StartConfig:
    """The best points of an earlier sweep, as `study.start.study` takes them; none where there is no earlier one."""
    if question.earlier is None:
        return StartConfig()
    sweep = sweep_of(question.earlier)
    case = _Case(sweep, sweep.search_space(), Surrogate(sweep.search_space(), question.earlier))
    search, _ = case.run(question, EARLIER_SEED + seed, StartConfig())
    ended = [trial for trial in search._ot_study.get_trials(states=(TrialState.COMPLETE,)) if trial.value is not None]
    found = (readable(trial.params) for trial in sorted(ended, key=lambda trial: -trial.value))
    return StartConfig(points=tuple(first_points(space, found, StartConfig().trials)))


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of one space in Markdown, those that reach the value soonest first.

    All samplers draw the same first trials, so they are compared by seed: how many full trainings sooner than the
    `BASE` with the same scheduler.
    """
    base = {row["scheduler"]: times(row) for row in rows if _name(row) == BASE}
    shares = [name for name in rows[0] if name.startswith("value at")]
    budget = rows[0]["budget"]
    titles = ["sampler", "scheduler", f"full trainings until {100 * rows[0]['target']:.1f} %", f"sooner than {BASE}"]
    titles += ["reached", *(f"best after {budget * float(name.split()[-1]):g}, %" for name in shares), "trials"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in sorted(rows, key=lambda row: float(np.mean(times(row)))):
        known = base.get(row["scheduler"], np.empty(0))
        paired = interval(known - times(row), 1) if _name(row) != BASE and len(known) == len(times(row)) else ""
        reached = f"{sum(one is not None for one in row['reached'])} of {len(row['reached'])}"
        values = [interval(100 * np.array(row[name]), 2) for name in shares]
        cells = [_name(row), row["scheduler"], interval(times(row), 1), paired, reached, *values]
        lines.append(f"| {' | '.join(cells)} | {np.mean(row['trials']):.0f} |")
    return "\n".join(lines)


def _name(row: dict[str, Any]) -> str:
    return f"{row['sampler']}, from {row['start']}" if row.get("start") else str(row["sampler"])


def times(row: dict[str, Any]) -> np.ndarray:
    """Full trainings until the value was reached; where it was not, all of the budget."""
    return np.array([row["budget"] if one is None else one for one in row["reached"]])


def interval(values: np.ndarray, digits: int) -> str:
    """The mean, with the 95 % interval of a bootstrap over the seeds."""
    random = np.random.default_rng(0)
    means = random.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
