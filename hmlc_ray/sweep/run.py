"""Start reading here: a new study is run, an interrupted one is resumed, failed trials are run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hmlc_ray.config.moved import refuse_missing
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.data.notes import warn_about
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.machine.scratch import nothing_left
from hmlc_ray.names.uris import without_password
from hmlc_ray.study.folder import driven, is_saved, save_study
from hmlc_ray.study.heartbeat import beating, refuse_alive
from hmlc_ray.study.lookup import existing_store, find_run, find_sweep, refuse_deleted
from hmlc_ray.study.resume_command import command, locating, resume_command
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.storage import check_results_place, settled, trials_url
from hmlc_ray.study.summary import SweepProgress, SweepSummary
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.signals import stoppable
from hmlc_ray.sweep.cluster.stall import Watchdog
from hmlc_ray.sweep.extend import extend, with_trials
from hmlc_ray.sweep.prepare import OLDER_VARIANT, VARIANT, base_data, located, with_threads, with_variant
from hmlc_ray.sweep.tune.optuna_reopen import forget_failure, reopen_unfinished
from hmlc_ray.sweep.tune.optuna_storage import check_trials_place, is_in_trials
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.opening import open_tracker
from hmlc_ray.training.fit import cached_data, check_fits


def run_sweep(
    sweep: SweepConfig, *, home: Path, address: str | None, tracking_uri: str | None, progress: SweepProgress
) -> SweepSummary:
    """Run a new study.

    Raises:
        StudyError: if the name is taken.
        UserError: if data, store or cluster cannot be used; before any trial starts.
        SweepInterrupted: on Ctrl-C, when everything is saved.
    """
    places = Home.of(home)
    sweep = settled(located(with_variant(with_threads(sweep), VARIANT)))
    with places.current():
        data = cached_data(base_data(sweep))
    warn_about(data)
    check_fits(sweep.search_space().first(), data)
    name = sweep.study.name
    tracker = open_tracker(tracking_uri, places, spool=places.spool(name), note=progress.note)
    go_on = resume_command(name, places, address, tracking_uri)
    _refuse_taken(sweep, places, tracker, go_on)
    tracker.check_artifacts()
    check_trials_place(sweep.study, places)
    check_results_place(sweep.study, places)
    with _driving(sweep, places, address, tracking_uri, progress) as watchdog:
        from hmlc_ray.sweep.driver import Driver

        _refuse_taken(sweep, places, tracker, go_on)  # another sweep of that name may have run since
        driver = Driver(sweep, data, places, tracker, progress, go_on, watchdog)
        save_study(sweep, places)
        return driver.start()


def resume_sweep(
    name: str,
    *,
    home: Path,
    address: str | None,
    tracking_uri: str | None,
    progress: SweepProgress,
    trials: int | None = None,
) -> SweepSummary:
    """Go on with a study whose driver was interrupted or killed or, with more trials, with one that is complete.

    Args:
        trials: how many the study is to have in all; None: as many as it was to have.

    Raises:
        StudyError: if there is no such study, it is complete and gets no more trials, or another process drives it.
    """
    places = Home.of(home)
    saved = with_variant(find_sweep(name, places, existing_store(tracking_uri, places)), OLDER_VARIANT)
    go_on = resume_command(name, places, address, tracking_uri)
    refuse_missing(saved, go_on)
    with places.current():
        data = cached_data(base_data(saved))
    tracker = open_tracker(tracking_uri, places, spool=places.spool(name), note=progress.note)
    refuse_deleted(name, tracker)
    look = command("best", name, **locating(places, tracking_uri))
    with_trials(saved, tracker, trials, look=look, go_on=go_on)
    refuse_alive(name, tracker, progress)
    tracker.check_artifacts()
    with _driving(saved, places, address, tracking_uri, progress) as watchdog:
        from hmlc_ray.sweep.driver import Driver, store_wait

        tracker.send_again()
        tracker.settle(store_wait())
        # The end itself may have waited to be sent.
        sweep = with_trials(saved, tracker, trials, look=look, go_on=go_on)
        if trials is not None:
            extend(sweep, tracker)
        save_study(sweep, places)
        reopened = reopen_unfinished(sweep, places, tracker)
        return Driver(sweep, data, places, tracker, progress, go_on, watchdog).resume(retry=reopened > 0)


def retry_failed(
    name: str, *, home: Path, address: str | None, tracking_uri: str | None, progress: SweepProgress
) -> SweepSummary:
    """Run a study's failed trials again, under their numbers and in their MLflow runs; then end the study anew.

    A trial goes on from its last checkpoint, where it has one.

    Raises:
        StudyError: if there is no such study, no trial of it failed, or another process drives it.
    """
    places = Home.of(home)
    store = existing_store(tracking_uri, places)
    find_sweep(name, places, store)
    tracker = open_tracker(tracking_uri, places)
    parent = find_run(name, tracker)
    refuse_alive(name, tracker, progress)
    failed = [run for run in tracker.children(parent) if run.trial_status == TrialStatus.FAILED]
    if not failed:
        raise StudyError(f"no trial of study {name!r} failed, there is nothing to run again")
    with driven(name, places):
        tracker.finish(parent, "KILLED")
        for run in failed:
            forget_failure(tracker, run)
    progress.note(f"running {len(failed)} failed trials again")
    return resume_sweep(name, home=home, address=address, tracking_uri=tracking_uri, progress=progress)


@contextmanager
def _driving(
    sweep: SweepConfig, home: Home, address: str | None, tracking_uri: str | None, progress: SweepProgress
) -> Iterator[Watchdog]:
    """Be the one driver of a study, with a connection to Ray, for the time of the block."""
    name = sweep.study.name
    watchdog = Watchdog(sweep.study.stall, home.study(name), progress.note)
    progress.note("connecting to Ray")
    with (
        home.current(),
        driven(name, home),
        nothing_left(),
        connected(address),
        beating(name, home=home, tracking_uri=tracking_uri, stalled=lambda: watchdog.sentence),
        stoppable(),
    ):
        yield watchdog


def _refuse_taken(sweep: SweepConfig, home: Home, tracker: Tracker, go_on: str) -> None:
    """Tune overwrites the state of a study of the same name (ray#35812), so nothing is started under a taken name."""
    name = sweep.study.name
    if is_saved(name, home):
        where = str(home.root)
    elif tracker.find_study(name) is not None:
        where = tracker.uri
    elif is_in_trials(sweep.study, home):
        raise StudyError(
            f"the study name {name!r} is taken in Optuna's storage {without_password(trials_url(sweep.study, home))}, "
            "where its trials would be mixed with the new ones: choose another --name"
        )
    else:
        return
    raise StudyError(f"the study name {name!r} is taken in {where}: resume it with `{go_on}`, or choose another --name")
