"""The searcher, Optuna under Tune: one Optuna trial number is one trial, whatever happens to the driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FixedTrial, Trial, TrialState, create_trial
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.home import Home
from hmlc_ray.study.folder import load_study
from hmlc_ray.sweep.train.params import params_of
from hmlc_ray.sweep.train.result import is_pruned
from hmlc_ray.sweep.tune.history import History, KnownStudy
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.points import points_of
from hmlc_ray.sweep.tune.recorder import active, ended_before
from hmlc_ray.sweep.tune.samplers import NumberedRandom, NumberedTpe, build_sampler

_MADE_ANEW = ("_storage", "_ot_study", "_ot_trials", "_sampler", "_search_space", "_points", "_known", "_drawing")
# Names of attributes that older versions pickled and that are created again now.
_NumberedRandom, _NumberedTpe = NumberedRandom, NumberedTpe


class StudySearch(OptunaSearch):  # type: ignore[misc]  # ray ships no types
    """OptunaSearch that survives the death of its driver.

    Tune's snapshot of an experiment lags behind Optuna's storage by seconds, so a restored Tune may not
    know trials that Optuna has already handed out. Such orphans are handed out again under their old number and
    with their old values before anything new is drawn: the number of trials stays exact, and the MLflow run of that
    number is used again. A trial that a scheduler stopped is reported to Optuna as pruned, not as complete.

    How many trials there are is decided here, by what Optuna has, and not by Tune, whose count cannot be raised.
    """

    def __init__(self, space: SearchSpace, study: StudyConfig, storage: optuna.storages.BaseStorage) -> None:
        self._search_space, self._study_config, self._points = space, study, points_of(space, study)
        self._orphans: list[int] | None = None
        self._known: History | None = None
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
        return {name: value for name, value in self.__dict__.items() if name not in _MADE_ANEW}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The study is that of the home folder: it may have more trials now than when Tune pickled this."""
        self.__dict__.update(state, _ot_trials={}, _known=None)
        home = Home.of(None)
        sweep = load_study(self._study_config.name, home)
        self._study_config, self._search_space = sweep.study, sweep.search_space()
        self._points, self._sampler = points_of(self._search_space, sweep.study), build_sampler(sweep.study)
        self._storage = TrialStorage(sweep.study, home).open()
        self._setup_study(self._mode)

    def _draw(self, trial: Any) -> dict[str, Any]:
        config = self._search_space.suggest(trial)
        test = self._study_config.test == "every"
        return {**params_of(config), "number": trial.number, "test": test}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if trial_id not in self._ot_trials:
            number = self._next_orphan()
            trial = self._new_trial() if number is None else self._trial(number)
            if trial is None:
                return str(Searcher.FINISHED)
            self._ot_trials[trial_id] = trial
        suggestion: dict[str, Any] | None = super().suggest(trial_id)
        return suggestion

    def _next_orphan(self) -> int | None:
        """Looked for once: what is asked of Optuna from then on is known to this process, the only one that asks."""
        if self._orphans is None:
            known = {trial.number for trial in self._ot_trials.values()} | ended_before()
            numbers = [trial.number for trial in self._history.trials]
            self._orphans = [number for number in numbers if number not in known]
        return self._orphans.pop(0) if self._orphans else None

    def _new_trial(self) -> Trial | None:
        """None if the study has all its trials.

        The point is drawn first and then made a trial in one step: a driver that is killed leaves the whole of it, or
        nothing.
        """
        history = self._history
        if len(history.trials) >= self._study_config.num_trials:
            return None
        self._drawing.shown = history.recent(self._sampler.startup_trials)
        point = self._points.draw(self._drawing, self._sampler, history.trials)
        if point is None:
            active().space_is_used_up(len(history.trials))
            return None
        drawn = FixedTrial(point)
        self._search_space.suggest(drawn)
        running = create_trial(state=TrialState.RUNNING, params=drawn.params, distributions=drawn.distributions)
        return Trial(self._ot_study, history.create(running))

    @property
    def _history(self) -> History:
        if self._known is None:
            self._known = History(self._ot_study)
            self._drawing = KnownStudy(self._study_name, self._ot_study._storage, self._sampler)
        return self._known

    def _trial(self, number: int) -> Trial:
        frozen = self._history.trials[number]
        if frozen.state == TrialState.WAITING:  # an older driver was killed between drawing it and asking for it
            trial: Trial = self._ot_study.ask()
            self._search_space.suggest(trial)
            self._history.refresh(number)
            return trial
        return Trial(self._ot_study, frozen._trial_id)

    def _is_finished(self, trial_id: str) -> bool:
        state: TrialState = self._ot_study._storage.get_trial(self._ot_trials[trial_id]._trial_id).state
        return state.is_finished()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: MLflow has every epoch, and a write per report would be the larger part of the driver's work."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self._completed_trials.add(trial_id)
        trial = self._ot_trials[trial_id]
        if self._is_finished(trial_id):
            self._history.refresh(trial.number)
            return
        if error or not result or self.metric not in result:
            ended = self._ot_study.tell(trial, state=TrialState.FAIL)
        elif is_pruned(result):
            trial.report(result[self.metric], result["epoch"])
            ended = self._ot_study.tell(trial, state=TrialState.PRUNED)
        else:
            ended = self._ot_study.tell(trial, result[self.metric])
        self._history.put(ended)

    def save(self, checkpoint_path: str) -> None:
        """Only the map from Tune's ids to Optuna's numbers: all else is in Optuna's storage."""
        numbers = {trial_id: trial.number for trial_id, trial in self._ot_trials.items()}
        saved = json.dumps({"numbers": numbers, "done": sorted(self._completed_trials)})
        Path(checkpoint_path).write_text(saved, encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        saved = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
        self._known = None
        self._ot_trials = {trial_id: self._trial(number) for trial_id, number in saved["numbers"].items()}
        self._completed_trials, self._orphans = set(saved["done"]), None
