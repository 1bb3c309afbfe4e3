"""What a driver knows of its trials: draws as from Optuna's storage itself, at a cost that does not grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState

from hmlc_ray.config.samplers import TpeConfig
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.sweep.tune import history
from hmlc_ray.sweep.tune.history import BEST, History
from hmlc_ray.sweep.tune.points import Points
from hmlc_ray.sweep.tune.samplers import build_sampler
from hmlc_ray.sweep.tune.search import StudySearch

METRIC = "val/probe_top1/mean"
SPACE = {
    "objective.temperature": {"float": [0.05, 0.5], "log": True},
    "training.epochs": {"int": [2, 9]},
    "objective": {"branch": {"g-hmlc": {"mixture_components": {"int": [2, 6]}}, "a-hmlc": None}},
}


def searching(storage: optuna.storages.BaseStorage) -> StudySearch:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = StudyConfig(name="s", num_trials=1000, sampler=TpeConfig(startup_trials=4))
    return StudySearch(SearchSpace.parse(SPACE, {}, "test"), study, storage)


@pytest.fixture
def searcher(tmp_path: Path) -> StudySearch:
    return searching(optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}"))


def end(searcher: StudySearch, number: int, whole: int = 2) -> None:
    """Every fourth trial keeps running, every fifth fails, of `whole` one is trained to its end."""
    if number % 4 == 0:
        return
    if number % 5 == 0:
        searcher.on_trial_complete(f"t{number}", error=True)
        return
    value = (number * 37 % 100) / 100
    epoch = 9 if number % whole == 1 else 1 + number % 3
    searcher.on_trial_complete(f"t{number}", {METRIC: value, "epoch": epoch, "total_epochs": 9})


def advance(searcher: StudySearch, numbers: range, whole: int = 2) -> list[dict[str, Any]]:
    found = []
    for number in numbers:
        suggestion = searcher.suggest(f"t{number}")
        assert isinstance(suggestion, dict)
        found.append(suggestion)
        end(searcher, number, whole)
    return found


def test_draws_are_those_from_the_storage(searcher: StudySearch) -> None:
    for number in range(24):
        study = optuna.load_study(study_name="s", storage=searcher._ot_study._storage)
        expected = Points(searcher._search_space).draw(
            study, build_sampler(searcher._study_config), study.get_trials(deepcopy=False)
        )
        (suggestion,) = advance(searcher, range(number, number + 1))
        assert expected is not None
        assert {name: suggestion[name] for name in expected} == expected
    study = optuna.load_study(study_name="s", storage=searcher._ot_study._storage)
    assert [(t.state, t.params) for t in searcher._history.trials] == [(t.state, t.params) for t in study.trials]


def test_the_storage_is_read_once_whatever_runs(searcher: StudySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    storage = searcher._ot_study._storage
    read = storage.get_all_trials
    monkeypatch.setattr(storage, "get_all_trials", lambda *args, **more: reads.append(args) or read(*args, **more))
    advance(searcher, range(12))
    assert len(reads) == 1


@pytest.mark.parametrize("whole", [2, 10], ids=["half-completed", "most-pruned"])
def test_of_a_long_study_a_sampler_learns_from_the_latest_and_the_best(
    monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    searcher = searching(optuna.storages.InMemoryStorage())
    advance(searcher, range(90), whole)
    study = searcher._ot_study
    every = study.get_trials(deepcopy=False)
    known = [trial for trial in every if trial.state not in (TrialState.FAIL, TrialState.WAITING)]
    assert History(study).recent() == known

    monkeypatch.setattr(history, "LONG", 12)
    monkeypatch.setattr(history, "RUNNING", 12)
    recent = History(study).recent()
    assert [trial.number for trial in recent] == sorted(trial.number for trial in recent)
    assert len(recent) <= 12 + BEST + 12
    assert recent[-1].number == known[-1].number
    latest = ended(known)[-12:]
    assert {trial.number for trial in latest} <= {trial.number for trial in recent}
    assert good(study, recent, BEST) == good(study, known, BEST)
    assert default_gamma(len(ended(known)) * 100) == BEST  # of any longer study, too
    fewest = len(ended(known)) - 5
    assert fewest > 12 + BEST
    assert len(ended(History(study).recent(fewest))) >= fewest, "as many as a sampler counts before it learns"


def test_trials_that_somebody_else_makes_or_ends_meanwhile_are_known(searcher: StudySearch) -> None:
    advance(searcher, range(3))
    study = searcher._ot_study
    study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL))
    assert searcher.suggest("later") is not None
    assert [trial.number for trial in searcher._history.trials] == list(range(5))
    study.tell(searcher._ot_trials["later"], 0.5)
    for _ in range(2):
        searcher.on_trial_complete("later", {searcher.metric: 0.5, "epoch": 1})
    last = searcher._history.trials[4]
    assert (last.state, last.value) == (TrialState.COMPLETE, 0.5)
    assert len(searcher._history._ranked) == len(
        ended(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))
    )


def ended(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state != TrialState.RUNNING]


def good(study: optuna.Study, trials: list[FrozenTrial], count: int) -> list[int]:
    """What Optuna's estimator takes for the good trials."""
    return [trial.number for trial in _split_trials(study, trials, count)[0]]
