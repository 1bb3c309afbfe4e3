"""Optuna under Tune: one Optuna trial number is one trial, whatever happens to the driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import optuna
from numpy.random import SeedSequence
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState
from ray.tune.search.optuna import OptunaSearch

from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.home import Home
from hmlc_ray.sweep.records import is_pruned
from hmlc_ray.sweep.stores import open_trials

_NOT_PICKLED = ("_storage", "_ot_study", "_ot_trials")


class StudySearch(OptunaSearch):  # type: ignore[misc]  # ray ships no types
    """OptunaSearch that survives the death of its driver.

    Tune's snapshot of an experiment lags behind Optuna's storage by seconds, so a restored Tune may not
    know trials that Optuna has already handed out. Such orphans are handed out again under their old number and
    with their old values before anything new is drawn: the number of trials stays exact, and the MLflow run of that
    number is found again. A trial that a scheduler stopped is told to Optuna as pruned, not as complete.
    """

    def __init__(self, space: SearchSpace, study: StudyConfig, storage: optuna.storages.BaseStorage) -> None:
        self._search_space, self._study_config = space, study
        self._orphans: list[int] | None = None
        super().__init__(
            space=self._draw,
            metric=study.objective_metric,
            mode=study.mode,
            sampler=build_sampler(study),
            study_name=study.name,
            storage=storage,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without the storage: its URI may hold a password, and Tune keeps this beside the results."""
        return {name: value for name, value in self.__dict__.items() if name not in _NOT_PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _ot_trials={})
        self._storage = open_trials(self._study_config, Home.of(None))
        self._setup_study(self._mode)

    def _draw(self, trial: Any) -> dict[str, Any]:
        config = self._search_space.suggest(trial)
        return {"trial": config.model_dump(mode="json"), "number": trial.number}

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        if trial_id not in self._ot_trials and (number := self._next_orphan()) is not None:
            self._ot_trials[trial_id] = self._trial(number)
        suggestion: dict[str, Any] | None = super().suggest(trial_id)
        return suggestion

    def _next_orphan(self) -> int | None:
        """Looked for once: what is asked of Optuna from then on is known to this process, the only one that asks."""
        if self._orphans is None:
            known = {trial.number for trial in self._ot_trials.values()}
            numbers = [trial.number for trial in self._ot_study.get_trials(deepcopy=False)]
            self._orphans = [number for number in numbers if number not in known]
        return self._orphans.pop(0) if self._orphans else None

    def _trial(self, number: int) -> Trial:
        frozen = self._ot_study.get_trials(deepcopy=False)[number]
        return Trial(self._ot_study, frozen._trial_id)

    def _is_finished(self, trial_id: str) -> bool:
        state: TrialState = self._ot_study._storage.get_trial(self._ot_trials[trial_id]._trial_id).state
        return state.is_finished()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: MLflow has every epoch, and a write per report would be the larger part of the driver's work."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self._completed_trials.add(trial_id)
        if self._is_finished(trial_id):
            return
        trial = self._ot_trials[trial_id]
        if error or not result or self.metric not in result:
            self._ot_study.tell(trial, state=TrialState.FAIL)
        elif is_pruned(result):
            trial.report(result[self.metric], result["epoch"])
            self._ot_study.tell(trial, state=TrialState.PRUNED)
        else:
            self._ot_study.tell(trial, result[self.metric])

    def save(self, checkpoint_path: str) -> None:
        """Only the map from Tune's ids to Optuna's numbers: all else is in Optuna's storage."""
        numbers = {trial_id: trial.number for trial_id, trial in self._ot_trials.items()}
        saved = json.dumps({"numbers": numbers, "done": sorted(self._completed_trials)})
        Path(checkpoint_path).write_text(saved, encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        saved = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
        self._ot_trials = {trial_id: self._trial(number) for trial_id, number in saved["numbers"].items()}
        self._completed_trials, self._orphans = set(saved["done"]), None


def build_sampler(study: StudyConfig) -> optuna.samplers.BaseSampler:
    """The sampler of a study, seeded."""
    if study.sampler.kind == "random":
        return _NumberedRandom(study.seed)
    return _NumberedTpe(study.seed, study.sampler.startup_trials)


class _NumberedRandom(optuna.samplers.RandomSampler):
    """Draws decided by the study's seed, the trial's number and the parameter's name alone.

    Optuna's own stream starts anew with every process: a resumed study would draw its first trials once more.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        self._rng.rng.seed(_seed_of(self._seed, trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


class _NumberedTpe(optuna.samplers.TPESampler):
    """The same for the estimator, given the trials that ended before."""

    def __init__(self, seed: int, startup_trials: int) -> None:
        super().__init__(n_startup_trials=startup_trials, multivariate=False)
        self._seed, self._random_sampler = seed, _NumberedRandom(seed)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        self._rng.rng.seed(_seed_of(self._seed, trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


def _seed_of(seed: int, number: int, name: str) -> int:
    return int(SeedSequence((seed, number, crc32(name.encode()))).generate_state(1)[0])
