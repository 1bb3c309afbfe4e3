"""Running a study from its first trial to the exported encoder, and going on where an earlier driver stopped."""

from __future__ import annotations

from pathlib import Path

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.fit import cached_data, check_fits
from hmlc_ray.home import Home
from hmlc_ray.recording import open_tracker
from hmlc_ray.summary import SweepProgress, SweepSummary
from hmlc_ray.sweep.cluster import connected
from hmlc_ray.sweep.prepare import base_data, located, with_threads
from hmlc_ray.sweep.saved import driven, is_saved, load_study, save_study
from hmlc_ray.tracking import Tracker


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
    sweep = located(with_threads(sweep))
    data = cached_data(base_data(sweep))
    check_fits(sweep.search_space().first(), data)
    name = sweep.study.name
    tracker = open_tracker(tracking_uri, places, spool=places.spool(name), note=progress.note)
    _refuse_taken(name, places, tracker)
    progress.note("connecting to Ray")
    with driven(name, places), connected(address, dashboard=sweep.trials.worker_range[0] > 0):
        from hmlc_ray.sweep.driver import Driver

        driver = Driver(sweep, data, places, tracker, progress)
        save_study(sweep, places)
        return driver.start()


def resume_sweep(
    name: str, *, home: Path, address: str | None, tracking_uri: str | None, progress: SweepProgress
) -> SweepSummary:
    """Go on with a study whose driver was interrupted or killed.

    Raises:
        StudyError: if there is no such study, it is complete, or another process drives it.
    """
    places = Home.of(home)
    sweep = load_study(name, places)
    data = cached_data(base_data(sweep))
    tracker = open_tracker(tracking_uri, places, spool=places.spool(name), note=progress.note)
    _refuse_complete(name, tracker)
    progress.note("connecting to Ray")
    with driven(name, places), connected(address, dashboard=sweep.trials.worker_range[0] > 0):
        from hmlc_ray.sweep.driver import STORE_SECONDS, Driver

        tracker.settle(STORE_SECONDS)
        return Driver(sweep, data, places, tracker, progress).resume()


def _refuse_taken(name: str, home: Home, tracker: Tracker) -> None:
    """Tune overwrites the state of a study of the same name (ray#35812), so nothing is started under a taken name."""
    if is_saved(name, home):
        where = str(home.root)
    elif tracker.find_study(name) is not None:
        where = tracker.uri
    else:
        return
    raise StudyError(
        f"the study name {name!r} is taken in {where}: go on with it by `hmlc resume {name}`, or choose another --name"
    )


def _refuse_complete(name: str, tracker: Tracker) -> None:
    parent = tracker.find_study(name)
    if parent is not None and tracker.run(parent).status == "FINISHED":
        raise StudyError(f"study {name!r} is complete, there is nothing to resume; see `hmlc best {name}`")
