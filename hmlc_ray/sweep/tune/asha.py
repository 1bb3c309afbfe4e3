"""ASHA, the scheduler that stops trials early: successive halving that knows what earlier drivers of its study saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, async_hyperband

from hmlc_ray.config.sweep import AshaConfig
from hmlc_ray.config.training import evaluation_of
from hmlc_ray.sweep.train.result import EVALUATIONS
from hmlc_ray.sweep.tune.next_trial import LiveTrials
from hmlc_ray.sweep.tune.recorder import active, number_of
from hmlc_ray.sweep.tune.rung import Rung

# An upper bound on evaluations per trial; trials end by themselves.
_MANY = 1_000_000


class Asha(LiveTrials, AsyncHyperBandScheduler):  # type: ignore[misc]  # ray ships no types
    """ASHA (arXiv 1810.05934) over evaluations.

    Tune's snapshot holds no scheduler. Ray's own would begin every resume with empty rungs: it would judge the first
    trials by nothing, and could stop a trial at an evaluation beyond which an earlier driver had let it go. So a
    trial is in a rung under its number, which lasts, not under Tune's id, and the rungs are filled with what earlier
    drivers logged before the first trial starts. Where a trial is in a rung already, it continues.
    """

    def __init__(self, config: AshaConfig) -> None:
        super().__init__(
            time_attr=EVALUATIONS,
            max_t=_MANY,
            grace_period=config.grace_period,
            reduction_factor=config.reduction_factor,
            stop_last_trials=False,
        )
        self._filled = False
        self._brackets = [_Bracket(config)]

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """The first one fills the rungs. What fails in here Tune takes for a snapshot to be thrown away."""
        LiveTrials.on_trial_add(self, tune_controller, trial)
        if not self._filled:
            self._filled = True
            for number, values in active().seen_before.items():
                for evaluation, value in sorted(values.items()):
                    self._judge(number, evaluation, value)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """A resumed trial's first result has evaluations that no driver received: each counts at its own rung."""
        for evaluation, value in _evaluations(trial, result, self._metric):
            if self._judge(number_of(trial), evaluation, value) == self.STOP:
                return str(self.STOP)
        return str(self.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Do nothing: its results have been counted."""

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Do nothing: its earlier results still count."""

    def _judge(self, number: int, evaluation: int, value: float) -> str:
        (bracket,) = self._brackets
        return str(bracket.on_result(_Numbered(number), evaluation, self._metric_op * value))


class _Bracket(async_hyperband._Bracket):  # type: ignore[misc]
    """Ray's, with a cutoff that costs the same in rungs of thousands of trials."""

    def __init__(self, config: AshaConfig) -> None:
        super().__init__(config.grace_period, _MANY, config.reduction_factor, 0, stop_last_trials=False)
        self._rungs = [(milestone, Rung()) for milestone, _ in self._rungs]  # type: ignore[has-type]

    def cutoff(self, recorded: Rung) -> float | None:
        return recorded.percentile((1 - 1 / self.rf) * 100) if recorded else None


@dataclass(frozen=True)
class _Numbered:
    """What Ray's bracket reads of a trial, with the number instead of Tune's id."""

    trial_id: int


def _evaluations(trial: Trial, result: dict[str, Any], metric: str) -> list[tuple[int, float]]:
    """The evaluations that a result reports, in order; none in the mark of an end that Tune adds."""
    every = trial.config["trial"]["evaluation"]["every"]
    reported = [(entry["epoch"], entry["metrics"]) for entry in result.get("history", ())]
    return [(evaluation_of(epoch, every), metrics[metric]) for epoch, metrics in reported if metric in metrics]
