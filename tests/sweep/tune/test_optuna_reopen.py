"""Trials that had failed run again: in every storage, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from postgres_server import postgres

from hmlc_ray.config.sweep import StudyConfig, SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.tune import optuna_reopen
from hmlc_ray.sweep.tune.optuna_reopen import finish_reopening, reopen_trials, reopen_unfinished, report_ended
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.tracking import Tracker


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as uri:
        yield uri


@pytest.fixture(params=["sqlite", "journal", pytest.param("postgresql", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.delenv("HMLC_OPTUNA_STORAGE", raising=False)
    place = {"sqlite": f"sqlite:///{tmp_path}/o.db", "journal": f"journal://{tmp_path}/o.log"}.get(request.param)
    if place is None:
        monkeypatch.setenv("HMLC_OPTUNA_STORAGE", request.getfixturevalue("server"))
    found = TrialStorage(StudyConfig(name="s", optuna_storage=place), Home.of(tmp_path)).open()
    yield found
    for name in optuna.get_all_study_names(found):
        optuna.delete_study(study_name=name, storage=found)
    found.remove_session()


def study_of(storage: optuna.storages.BaseStorage) -> optuna.Study:
    """Four trials: complete, failed, pruned, failed."""
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")
    for state in (TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED, TrialState.FAIL):
        trial = study.ask({"x": FloatDistribution(0, 1)})
        trial.report(0.25, 1)
        study.tell(trial, 0.5 if state == TrialState.COMPLETE else None, state=state)
    return study


def check(storage: optuna.storages.BaseStorage, before: list[optuna.trial.FrozenTrial]) -> None:
    study = optuna.load_study(study_name="s", storage=storage)
    assert optuna.get_all_study_names(storage) == ["s"]
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "RUNNING", "PRUNED", "FAIL"]
    assert [trial.number for trial in study.trials] == list(range(4))
    for old, new in zip(before, study.trials, strict=True):
        assert new.params == old.params
        assert new.intermediate_values == ({} if new.state == TrialState.RUNNING else old.intermediate_values)
    assert study.trials[0].value == 0.5
    study.tell(1, 0.75)
    assert study.best_trial.number == 1


def test_numbers_and_values_stay(storage: optuna.storages.BaseStorage) -> None:
    before = study_of(storage).trials
    reopen_trials(storage, "s", [1])
    check(storage, before)


@pytest.mark.parametrize("writes", [0, 3, 5, 6, 7, 9, 12])
def test_it_can_die_at_any_point(
    storage: optuna.storages.BaseStorage, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After that many calls that write, nothing is written any more: the next process finishes or starts anew."""
    before, left = study_of(storage).trials, [writes]

    class Killed(BaseException):
        pass

    def dies(name: str, patch: pytest.MonkeyPatch) -> None:
        real = getattr(storage, name)

        def write(*args: object, **kwargs: object) -> object:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return real(*args, **kwargs)

        patch.setattr(storage, name, write)

    with monkeypatch.context() as patch:
        create = "_create_new_trial" if hasattr(storage, "_create_new_trial") else "create_new_trial"
        for name in ("create_new_study", create, "set_study_user_attr", "delete_study"):
            dies(name, patch)
        with pytest.raises(Killed):
            reopen_trials(storage, "s", [1])
    finish_reopening(storage, "s")
    if [trial.state.name for trial in optuna.load_study(study_name="s", storage=storage).trials][1] == "FAIL":
        reopen_trials(storage, "s", [1])
    check(storage, before)


def test_nothing_to_reopen_writes_nothing(
    storage: optuna.storages.BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_of(storage)
    monkeypatch.setattr(optuna_reopen, "_drop", lambda *_: pytest.fail("something was written"))
    reopen_trials(storage, "s", [])
    finish_reopening(storage, "s")


def test_what_ended_in_optuna_alone_is_reopened(
    tmp_path: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HMLC_OPTUNA_STORAGE", raising=False)
    sweep = SweepConfig.model_validate({"study": {"name": "s"}, "space": {"seed": {"int": [0, 1]}}})
    home = Home.of(tmp_path)
    assert reopen_unfinished(TrialStorage(sweep.study, home), tracker) == 0
    storage = TrialStorage(sweep.study, home).open()
    study = study_of(storage)
    parent = tracker.study_run("s", tags={}, params={})
    for number, status in enumerate(("completed", "failed", "pruned")):
        run = tracker.trial_run(parent, str(number), name=str(number), params={}, tags={})
        tracker.finish(run, "FAILED" if status == "failed" else "FINISHED", {schema.STATUS: status})
    # Of how trials 3 and 4 ended, a failed one and this, MLflow has not heard.
    study.tell(study.ask(), 0.5)
    tracker.trial_run(parent, "4", name="4", params={}, tags={})
    study.tell(study.ask(), state=TrialState.PRUNED)
    started = tracker.trial_run(parent, "5", name="5", params={}, tags={})  # the driver died between the two
    assert reopen_unfinished(TrialStorage(sweep.study, home), tracker) == 1
    found = optuna.load_study(study_name="s", storage=storage).trials
    assert [trial.state.name for trial in found] == ["COMPLETE", "FAIL", "PRUNED", "RUNNING", "RUNNING", "RUNNING"]
    tracker.finish(started, "KILLED")
    assert reopen_unfinished(TrialStorage(sweep.study, home), tracker) == 0


def test_what_ended_unheard_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HMLC_OPTUNA_STORAGE", raising=False)
    sweep = SweepConfig.model_validate({"study": {"name": "s"}, "space": {"seed": {"int": [0, 1]}}})
    storage = TrialStorage(sweep.study, Home.of(tmp_path)).open()
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")
    for _ in range(5):
        study.ask().report(0.25, 1)
    study.ask()
    study.tell(0, 0.5)
    states = [TrialStatus(name) for name in ("completed", "completed", "pruned", "failed", "running", "pruned")]
    rows = [TrialRow(number, str(number), status, 0.75, 1, {}, "r") for number, status in enumerate(states)]
    report_ended(TrialStorage(sweep.study, Home.of(tmp_path)), rows)
    found = [(trial.state.name, trial.value) for trial in study.trials]
    assert found == [
        ("COMPLETE", 0.5),
        ("COMPLETE", 0.75),
        ("PRUNED", 0.25),
        ("FAIL", None),
        ("RUNNING", None),
        ("PRUNED", 0.75),
    ]
