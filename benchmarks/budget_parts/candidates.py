"""The samplers and schedulers that are compared: the product's own, and others of Optuna and Tune."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, TPESampler
from optuna.trial import Trial
from ray.tune.schedulers import HyperBandScheduler, MedianStoppingRule, TrialScheduler

from hmlc_ray.config.samplers import GpConfig, RandomConfig, TpeConfig
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import AshaConfig, StudyConfig
from hmlc_ray.sweep.train.result import EVALUATIONS
from hmlc_ray.sweep.tune.samplers import NumberedRandom, Stream
from hmlc_ray.sweep.tune.schedulers import build_scheduler
from hmlc_ray.sweep.tune.search import StudySearch

STARTUP = 10
"""Trials that every model-based sampler draws at random first; the product's default."""
OWN = {"tpe": TpeConfig(startup_trials=STARTUP), "gp": GpConfig(startup_trials=STARTUP), "random": RandomConfig()}
"""The product's."""


def first_drawn(seed: int) -> NumberedRandom:
    """What draws the first trials of every sampler, so that none is ahead by luck before it has a model."""
    return NumberedRandom(Stream(seed))


class PairedTpe(TPESampler):
    """Optuna's TPE over several parameters at once."""

    def __init__(self, seed: int, *, constant_liar: bool) -> None:
        super().__init__(
            multivariate=True, group=True, constant_liar=constant_liar, n_startup_trials=STARTUP, seed=seed
        )
        self._random_sampler = first_drawn(seed)


OTHERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe multivariate, group": lambda seed: PairedTpe(seed, constant_liar=False),
    "tpe multivariate, group, constant liar": lambda seed: PairedTpe(seed, constant_liar=True),
    "cma-es": lambda seed: CmaEsSampler(
        n_startup_trials=STARTUP, seed=seed, independent_sampler=first_drawn(seed), warn_independent_sampling=False
    ),
}
"""Optuna's, as its users ask them, but for their first trials."""
NEEDS = {"cma-es": ("cmaes",)}
SCHEDULERS = ("asha", "hyperband", "median", "none")


def samplers() -> list[str]:
    """Those that are installed."""
    return [*OWN, *(name for name in OTHERS if all(map(find_spec, NEEDS.get(name, ()))))]


class AskedSearch(StudySearch):
    """The product's searcher with a sampler that decides about several parameters at once, and may repeat points."""

    def __init__(
        self, space: SearchSpace, study: StudyConfig, storage: optuna.storages.BaseStorage, sampler: BaseSampler
    ) -> None:
        super().__init__(space, study, storage)
        self._ot_study.sampler = sampler

    def _new_trial(self) -> Trial:
        history, trial = self._history, self._ot_study.ask()
        history.put(self._ot_study._storage.get_trial(trial._trial_id))
        return trial


def search_of(sampler: str, space: SearchSpace, study: StudyConfig) -> StudySearch:
    """A searcher whose study is in memory."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.InMemoryStorage()
    if sampler in OWN:
        return StudySearch(space, study.model_copy(update={"sampler": OWN[sampler]}), storage)
    return AskedSearch(space, study, storage, OTHERS[sampler](study.seed))


def scheduler_of(name: str, evaluations: int) -> TrialScheduler:
    """A scheduler of trials of so many evaluations."""
    if name == "hyperband":
        return HyperBandScheduler(time_attr=EVALUATIONS, max_t=evaluations, reduction_factor=3)
    if name == "median":
        return MedianStoppingRule(time_attr=EVALUATIONS, grace_period=1, min_samples_required=3)
    return build_scheduler(AshaConfig(grace_period=1, reduction_factor=3) if name == "asha" else None)
