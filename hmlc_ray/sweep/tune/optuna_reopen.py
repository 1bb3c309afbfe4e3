"""Optuna's trials made unfinished again, under their old numbers.

A trial that has ended is final in Optuna. So the study is written again, trial by trial in the old order, with the
trials in question as running ones. A copy that is dropped last makes it safe to be killed at any point.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from hmlc_ray.errors import StudyError
from hmlc_ray.names.counts import many
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import trial_runs
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.tracking import Tracker, TrialRun

_COPY = "{}~before"
"""No study of ours has such a name."""
_REOPENED = "reopened"
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def forget_failure(tracker: Tracker, run: TrialRun) -> None:
    """Turn a failed trial into an interrupted one, which a resume continues."""
    before = {
        schema.RETRIES: int(run.tags.get(schema.RETRIES, 0)) + 1,
        schema.EARLIER_ERROR: run.tags.get(schema.ERROR, ""),
    }
    tracker.finish(run.run_id, "KILLED", before)


def reopen_unfinished(trials: TrialStorage, tracker: Tracker) -> int:
    """Make trials that ended in Optuna alone running again.

    Either `hmlc retry` or `hmlc reap` ran, or the driver was killed between its reports to Optuna and to MLflow. Every
    trial that was completed or pruned has had a run: one without a run stays ended, with its value.

    Returns:
        How many of them failed.

    Raises:
        StudyError: if Optuna has not got the study whose trials are in MLflow: they would be numbered again from 0.
    """
    name = trials.study.name
    parent = tracker.find_study(name)
    runs = [] if parent is None else trial_runs(tracker, parent)
    if runs and not trials.is_there:
        raise _lost(trials, len(runs))
    storage = trials.open()
    finish_reopening(storage, name)
    if name not in optuna.get_all_study_names(storage):
        if runs:
            raise _lost(trials, len(runs))
        return 0
    if parent is None:  # it had not begun, or its run is gone with all that would say more
        return 0
    statuses = {run.trial_id: run.trial_status for run in runs}
    deleted = {run.trial_id for run in tracker.deleted_children(parent)}

    def is_gone(trial: FrozenTrial) -> bool:
        number = str(trial.number)
        return number not in statuses and (number in deleted or trial.state != TrialState.FAIL)

    ended = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False, states=_ENDED)
    alone = [t for t in ended if not is_gone(t) and not _agree(t.state, statuses.get(str(t.number)))]
    reopen_trials(storage, name, [trial.number for trial in alone])
    return sum(trial.state == TrialState.FAIL for trial in alone)


def _agree(state: TrialState, status: TrialStatus | None) -> bool:
    """Whether a trial that has ended in Optuna has ended in MLflow too, where one that failed there may be complete."""
    return status is not None and (status == TrialStatus.FAILED or (status.has_ended and state != TrialState.FAIL))


def _lost(trials: TrialStorage, count: int) -> StudyError:
    where, name = trials.shown, trials.study.name
    return StudyError(
        f"Optuna's storage {where} has no study {name!r}, of which MLflow has {many(count, 'trial')}: it was moved or "
        "deleted; bring it back, then resume; nothing was changed"
    )


def ended_without_run(trials: TrialStorage, runs: Iterable[TrialRun]) -> dict[int, TrialStatus]:
    """Outcomes, by number, of the trials that have ended in Optuna and whose runs were deleted in MLflow."""
    storage, name = trials.open(), trials.study.name
    if name not in optuna.get_all_study_names(storage):
        return {}
    known = {run.trial_id for run in runs}
    ended = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False, states=_ENDED)
    return {trial.number: TrialStatus.of_optuna(trial.state.name) for trial in ended if str(trial.number) not in known}


def report_ended(trials: TrialStorage, rows: Iterable[TrialRow]) -> None:
    """Report to Optuna how trials ended that it still has as running.

    Tune reports nothing to its searcher about a trial that had failed and was then run again: its limiter of
    concurrency considers it ended.
    """
    storage, name = trials.open(), trials.study.name
    ended = {row.number: row for row in rows}
    study = optuna.load_study(study_name=name, storage=storage)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        row = ended.get(trial.number)
        if row is not None and row.status == TrialStatus.COMPLETED:
            study.tell(trial.number, row.value)
        elif row is not None and row.status.has_ended:
            pruned = row.status == TrialStatus.PRUNED
            if pruned and row.value is not None and row.epochs not in trial.intermediate_values:
                optuna.trial.Trial(study, trial._trial_id).report(row.value, row.epochs)
            study.tell(trial.number, state=TrialState[row.status.optuna])


def reopen_trials(storage: optuna.storages.BaseStorage, study: str, numbers: Iterable[int]) -> None:
    """Make trials of a study running again, with their parameters; their numbers and all others stay as they are."""
    wanted = sorted(numbers)
    if wanted:
        copy = _COPY.format(study)
        _drop(storage, copy)
        optuna.copy_study(from_study_name=study, from_storage=storage, to_storage=storage, to_study_name=copy)
        # Set last, it says that the copy is whole.
        optuna.load_study(study_name=copy, storage=storage).set_user_attr(_REOPENED, json.dumps(wanted))
        finish_reopening(storage, study)


def finish_reopening(storage: optuna.storages.BaseStorage, study: str) -> None:
    """Finish what an earlier process that was killed had begun, if anything."""
    copy = _COPY.format(study)
    if copy not in optuna.get_all_study_names(storage):
        return
    source = optuna.load_study(study_name=copy, storage=storage)
    if _REOPENED in source.user_attrs:
        numbers = set(json.loads(source.user_attrs[_REOPENED]))
        _drop(storage, study)
        target = optuna.create_study(study_name=study, storage=storage, directions=source.directions)
        for name, value in source.user_attrs.items():
            if name != _REOPENED:
                target.set_user_attr(name, value)
        for trial in source.get_trials(deepcopy=False):
            target.add_trial(_running(trial) if trial.number in numbers else trial)
    _drop(storage, copy)


def _running(trial: FrozenTrial) -> FrozenTrial:
    """Without the value that a pruned trial had at its end: it will have another end."""
    running = create_trial(
        state=TrialState.RUNNING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs,
    )
    running.datetime_start = trial.datetime_start or running.datetime_start
    return running


def _drop(storage: optuna.storages.BaseStorage, study: str) -> None:
    if study in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=study, storage=storage)
