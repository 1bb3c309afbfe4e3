"""Successive halving that knows what earlier drivers of its study saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler

from hmlc_ray.config.sweep import SchedulerConfig
from hmlc_ray.sweep.records import EVALUATIONS
from hmlc_ray.sweep.session import active

# An upper bound on evaluations per trial; trials end by themselves.
_MANY = 1_000_000


class Asha(AsyncHyperBandScheduler):  # type: ignore[misc]  # ray ships no types
    """ASHA (arXiv 1810.05934) over evaluations. A trial's last one is never a stop: it ends by itself.

    Tune's snapshot holds no scheduler. Ray's own would begin every resume with empty rungs: it would judge the first
    trials by nothing, and could stop a trial at an evaluation beyond which an earlier driver had let it go. So a
    trial has its place in a rung under its number, which lasts, not under Tune's id, and the rungs are filled from
    MLflow before the first trial. Where a trial has a place already, it goes on.
    """

    def __init__(self, config: SchedulerConfig) -> None:
        super().__init__(
            time_attr=EVALUATIONS,
            max_t=_MANY,
            grace_period=config.grace_period,
            reduction_factor=config.reduction_factor,
            stop_last_trials=False,
        )
        self._filled = False

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        super().on_trial_add(tune_controller, _Numbered.of(trial))
        if not self._filled:
            self._filled = True
            self._fill(active().seen_before())

    def _fill(self, seen: dict[int, dict[int, float]]) -> None:
        (bracket,) = self._brackets
        for number, values in seen.items():
            for evaluation, value in sorted(values.items()):
                bracket.on_result(_Numbered(str(number)), evaluation, self._metric_op * value)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A resumed trial's first result has evaluations that no driver heard of: each counts at its own rung."""
        numbered = _Numbered.of(trial)
        decisions = {
            super(Asha, self).on_trial_result(tune_controller, numbered, {EVALUATIONS: evaluation, self._metric: value})
            for evaluation, value in _evaluations(result, self._metric)
        }
        return str(self.STOP if self.STOP in decisions else self.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        super().on_trial_complete(tune_controller, _Numbered.of(trial), result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        super().on_trial_remove(tune_controller, _Numbered.of(trial))


@dataclass(frozen=True)
class _Numbered:
    """What Ray's scheduler reads of a trial, with the number in place of Tune's id."""

    trial_id: str

    @classmethod
    def of(cls, trial: Trial) -> _Numbered:
        return cls(str(trial.config["number"]))


def _evaluations(result: dict[str, Any], metric: str) -> list[tuple[int, float]]:
    """The evaluations of a result's history, oldest first, each with the metric."""
    if "history" not in result:  # the mark of an end that Tune adds to a trial without results
        return []
    values = [entry["metrics"][metric] for entry in result["history"] if metric in entry["metrics"]]
    first = result[EVALUATIONS] - len(values) + 1
    return list(enumerate(values, first))
