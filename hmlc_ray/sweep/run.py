"""Start reading here: a new study is run, an interrupted one is resumed, failed trials are run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hmlc_ray.config.moved import refuse_missing
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.taxonomy import has_tree_to_make
from hmlc_ray.data.notes import warn_about
from hmlc_ray.errors import StudyError
from hmlc_ray.machine.activity import doing, reading_data
from hmlc_ray.machine.interrupts import hearing
from hmlc_ray.machine.scratch import nothing_left
from hmlc_ray.names.counts import many
from hmlc_ray.study.folder import driven, is_saved, save_study
from hmlc_ray.study.heartbeat import beating, refuse_alive
from hmlc_ray.study.lookup import find_run, find_sweep, refuse_deleted
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.storage import check_results_location, with_storage
from hmlc_ray.study.summary import SweepProgress, SweepSummary
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.signals import stoppable
from hmlc_ray.sweep.cluster.stall import Watchdog
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.extend import extend, with_trials
from hmlc_ray.sweep.prepare import (
    base_data,
    located,
    with_defaults,
    with_experiment,
    with_made_tree,
    with_threads,
)
from hmlc_ray.sweep.start_from import with_start
from hmlc_ray.sweep.tune.optuna_reopen import forget_failure, reopen_unfinished
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.fit import cached_data, check_fits


def run_sweep(sweep: SweepConfig, workspace: Workspace, progress: SweepProgress) -> SweepSummary:
    """Run a new study.

    Raises:
        StudyError: if the name is taken.
        UserError: if data, store or cluster cannot be used; before any trial starts.
        SweepInterrupted: on Ctrl-C, when everything is saved.
    """
    home = workspace.home
    _refuse_saved(sweep.study.name, workspace)  # before any data are read
    sweep = with_experiment(with_storage(located(with_defaults(with_threads(sweep), "now"))))
    if has_tree_to_make(base_data(sweep).taxonomy):
        _refuse_taken(sweep, workspace, workspace.open_tracker())
        sweep = with_made_tree(sweep, workspace, progress.note)
    with home.current(), reading_data(progress.note):
        data = cached_data(base_data(sweep))
    warn_about(data)
    check_fits(sweep.search_space().first(), data)
    tracker = workspace.open_tracker(driving=sweep.study.name, note=progress.note)
    _refuse_taken(sweep, workspace, tracker)
    sweep = with_start(sweep, workspace, tracker, progress.note)
    context = StudyContext(sweep, data, workspace, tracker, progress)
    tracker.check_artifacts()
    TrialStorage(sweep.study, home).check()
    check_results_location(sweep.study, home)
    with _driving(context) as watchdog:
        from hmlc_ray.sweep.driver import Driver

        _refuse_taken(sweep, workspace, tracker)  # another sweep of that name may have run since
        driver = Driver(context, watchdog)
        save_study(sweep, home)
        return driver.start()


def resume_sweep(
    name: str, workspace: Workspace, progress: SweepProgress, *, trials: int | None = None
) -> SweepSummary:
    """Resume a study whose driver was interrupted or killed or, with more trials, one that is complete.

    Args:
        trials: how many the study is to have in all; None: as many as it was to have.

    Raises:
        StudyError: if there is no such study, it is complete and gets no more trials, or another process drives it.
    """
    home = workspace.home
    saved = with_defaults(find_sweep(name, home, workspace.existing_tracker()), "before")
    refuse_missing(saved, workspace.resume_command(name))
    with home.current(), reading_data(progress.note):
        data = cached_data(base_data(saved))
    tracker = workspace.open_tracker(driving=name, note=progress.note)
    context = StudyContext(saved, data, workspace, tracker, progress)
    refuse_deleted(name, tracker)
    with_trials(saved, tracker, trials, workspace)
    refuse_alive(name, tracker, progress)
    tracker.check_artifacts()
    with _driving(context) as watchdog:
        from hmlc_ray.sweep.driver import Driver, store_wait

        tracker.send_again()
        tracker.send_pending(store_wait())
        # The end itself may have waited to be sent.
        sweep = with_trials(saved, tracker, trials, workspace)
        if trials is not None:
            extend(sweep, tracker)
        save_study(sweep, home)
        reopened = reopen_unfinished(TrialStorage(sweep.study, home), tracker)
        return Driver(replace(context, sweep=sweep), watchdog).resume(retry=reopened > 0)


def retry_failed(name: str, workspace: Workspace, progress: SweepProgress) -> SweepSummary:
    """Run a study's failed trials again, with the same numbers and MLflow runs; then conclude the study again.

    A trial resumes from its last checkpoint, where it has one.

    Raises:
        StudyError: if there is no such study, no trial of it failed, or another process drives it.
    """
    find_sweep(name, workspace.home, workspace.existing_tracker())
    tracker = workspace.open_tracker()
    parent = find_run(name, tracker)
    refuse_alive(name, tracker, progress)
    failed = [run for run in tracker.children(parent) if run.trial_status == TrialStatus.FAILED]
    if not failed:
        raise StudyError(f"no trial of study {name!r} failed, there is nothing to run again")
    with driven(name, workspace.home):
        tracker.finish(parent, "KILLED")
        for run in failed:
            forget_failure(tracker, run)
    progress.note(f"running {many(len(failed), 'failed trial')} again")
    return resume_sweep(name, workspace, progress)


@contextmanager
def _driving(context: StudyContext) -> Iterator[Watchdog]:
    """Be the one driver of a study, with a connection to Ray, for the time of the block."""
    watchdog = Watchdog(context.study.stall, context.folder, context.progress.note)
    context.progress.note("connecting to Ray")
    doing("connecting to Ray")
    with (
        hearing(context.progress.note, f"resume it with `{context.resume_command}`"),
        context.home.current(),
        driven(context.name, context.home),
        nothing_left(),
        connected(context.workspace.address),
        beating(context.name, context.workspace, lambda: watchdog.sentence),
        stoppable(),
    ):
        doing("starting the first trials")
        yield watchdog


def _refuse_taken(sweep: SweepConfig, workspace: Workspace, tracker: Tracker) -> None:
    """Tune overwrites the state of a study of the same name (ray#35812), so nothing is started under a taken name."""
    name, trials = sweep.study.name, TrialStorage(sweep.study, workspace.home)
    _refuse_saved(name, workspace)
    if tracker.find_study(name) is not None:
        raise _taken(name, tracker.uri, workspace)
    if trials.has_study():
        raise StudyError(
            f"the study name {name!r} is taken in Optuna's storage {trials.shown}, "
            "where its trials would be mixed with the new ones: choose another --name"
        )


def _refuse_saved(name: str, workspace: Workspace) -> None:
    if is_saved(name, workspace.home):
        raise _taken(name, str(workspace.home.root), workspace)


def _taken(name: str, where: str, workspace: Workspace) -> StudyError:
    again = workspace.resume_command(name)
    return StudyError(
        f"the study name {name!r} is taken in {where}: resume it with `{again}`, or choose another --name"
    )
