"""Closing what an earlier crash left RUNNING, where no driver is alive."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from hmlc_ray.errors import ConfigError, StudyError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.folder import driven, is_saved
from hmlc_ray.study.heartbeat import driver_lives
from hmlc_ray.study.lookup import find_run, find_sweep
from hmlc_ray.study.schema import RunKind
from hmlc_ray.study.summary import SweepProgress
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.tracking.drivers import Life, life, where


@dataclass(frozen=True)
class Reaped:
    """What was done with a study, or with the run of a benchmark or of a single training."""

    name: str
    """Study name, or the id of the run."""
    runs: int = 0
    """MLflow runs that were closed, the study's own included."""
    trials: int = 0
    """Optuna trials that were closed."""
    left: str | None = None
    """Why it was not closed."""
    is_study: bool = True


def reap(name: str | None, workspace: Workspace, progress: SweepProgress) -> list[Reaped]:
    """Close the runs of dead drivers: of one study, of one benchmark with its studies, or of all studies, benchmarks
    and single runs of the store.

    A study that was closed is `interrupted`, and `hmlc resume` continues it.

    Raises:
        StudyError: if there is no study or benchmark of that name.
        TrackingError: if the store cannot be reached.
    """
    tracker = workspace.existing_tracker()
    if tracker is None:
        raise StudyError(f"there is nothing to close: {workspace.store_place} holds no runs")
    wanted = None if name is None else _runs_of(name, tracker)
    studies = [run for run in tracker.studies() if wanted is None or {run.run_id, run.tags.get(schema.PARENT)} & wanted]
    lives = driver_lives(tracker, [run for run in studies if run.is_open], progress)
    closed = [_reap_study(run, lives.get(run.run_id), tracker, workspace, progress) for run in studies]
    alone = tracker.benchmarks() if wanted else [*tracker.benchmarks(), *tracker.singles()]
    alone = [run for run in alone if run.is_open and (wanted is None or run.run_id in wanted)]
    closed += [_reap_alone(run, tracker) for run in alone]
    return [entry for entry in closed if entry.runs or entry.trials or entry.left]


def _runs_of(name: str, tracker: Tracker) -> set[str]:
    """The ids of the runs of a study and of a benchmark of this name, of which there may be both.

    Raises:
        StudyError: if there is neither.
    """
    benchmark = tracker.find_study(name, RunKind.BENCHMARK)
    if benchmark is None:
        return {find_run(name, tracker)}
    study = tracker.find_study(name)
    return {benchmark} if study is None else {benchmark, study}


def _reap_study(
    run: TrialRun, driver: Life | None, tracker: Tracker, workspace: Workspace, progress: SweepProgress
) -> Reaped:
    name, home = run.tags[schema.STUDY], workspace.home
    if not run.is_open and not tracker.unfinished(run.run_id):
        return Reaped(name)
    here = is_saved(name, home)
    if driver == "alive" or (driver == "unknown" and not here):
        return Reaped(name, left=f"{where(run.tags)} {'drives it' if driver == 'alive' else 'may drive it'}")
    with ExitStack() as stack:
        if here:  # the lock is certain, and keeps a resume away
            try:
                stack.enter_context(driven(name, home))
            except StudyError as error:
                return Reaped(name, left=str(error))
            tracker = workspace.open_tracker(driving=name, note=progress.note)
            tracker.send_pending()
        return _close(name, run.run_id, tracker, home)


def _close(name: str, parent: str, tracker: Tracker, home: Home) -> Reaped:
    open_runs = [child.run_id for child in tracker.unfinished(parent)]
    if tracker.run(parent).is_open:
        open_runs.append(parent)  # last: a study that is only partly closed is seen again
    try:
        trials = _close_trials(name, tracker, home)
    except ConfigError as error:
        return Reaped(name, left=str(error))
    for run_id in open_runs:
        tracker.finish(run_id, "KILLED")
    return Reaped(name, len(open_runs), trials)


def _close_trials(name: str, tracker: Tracker, home: Home) -> int:
    """Optuna's running trials become failed ones; `hmlc resume` makes them running again.

    The storage of a home folder on another machine is out of reach, and is put right by the resume there.
    """
    study = find_sweep(name, home, tracker).study
    if study.optuna_storage is None and not is_saved(name, home):
        return 0
    storage = TrialStorage(study, home).open()
    if name not in optuna.get_all_study_names(storage):
        return 0
    known = optuna.load_study(study_name=name, storage=storage)
    running = known.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    for trial in running:
        known.tell(trial.number, state=TrialState.FAIL)
    return len(running)


def _reap_alone(run: TrialRun, tracker: Tracker) -> Reaped:
    """Benchmarks and single runs give no signs of life: only the machine of their driver can know."""
    alive = life(run.tags)
    if alive != "dead":
        drives = "train" if run.tags.get(schema.KIND) == RunKind.SINGLE else "drive"
        reason = f"{drives}s it" if alive == "alive" else f"may {drives} it; only that machine can know"
        return Reaped(
            run.run_id, left=f"{where(run.tags)} {reason}" if schema.DRIVER in run.tags else None, is_study=False
        )
    tracker.finish(run.run_id, "KILLED")
    return Reaped(run.run_id, 1, is_study=False)
