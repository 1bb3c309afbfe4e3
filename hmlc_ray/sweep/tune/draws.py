"""The tuning trials of an arm: drawn before any of them runs, so that every arm has the same draws."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import TrialState

from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.suite import TuningConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.sweep.tune.points import Points
from hmlc_ray.sweep.tune.samplers import NumberedRandom, Stream


def draw(space: SearchSpace, written: TrialConfig, tuning: TuningConfig) -> list[tuple[TrialConfig, dict[str, Any]]]:
    """The configurations that an arm is tuned over, each with what was drawn for it.

    The first is the arm as it is written. A draw is decided by the seed, its number and the parameter's name alone, so
    that arms which search the same parameter try the same values. A space with fewer points gives fewer.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler, points = NumberedRandom(Stream(tuning.seed)), Points(space)
    study = optuna.create_study(sampler=sampler)
    drawn: list[tuple[TrialConfig, dict[str, Any]]] = [(written, {})] if tuning.trials else []
    while len(drawn) < tuning.trials:
        point = points.draw(study, sampler, study.get_trials(deepcopy=False))
        if point is None:
            break
        study.enqueue_trial(point)
        trial = study.ask()
        config = space.suggest(trial)
        study.tell(trial, state=TrialState.FAIL)
        if config != written:
            drawn.append((config, dict(point)))
    return drawn
