"""Signs of life of a study's driver, in the store; a process that wants to take over looks for them first."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from hmlc_ray.errors import StudyError, TrackingError
from hmlc_ray.study import schema
from hmlc_ray.study.summary import SweepProgress
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.tracking.drivers import BEAT_S, STALE_S, Life, identity, life, where

_LOG = logging.getLogger(__name__)


@contextmanager
def beating(study: str, workspace: Workspace, stalled: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Sign the study's run with this process every few seconds, for the time of the block.

    Args:
        stalled: returns what the study waits for while it is stalled; it becomes a tag of the study's run.

    The lock of `folder.driven` is for those who share a home folder; this is for those who share the store alone. The
    signs have a connection of their own: one that the store does not take is left out, and never waits.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(study, workspace, stalled, stop), name="hmlc-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=BEAT_S)


def _beat(study: str, workspace: Workspace, stalled: Callable[[], str | None], stop: threading.Event) -> None:
    tracker: Tracker | None = None
    run_id: str | None = None
    pause = 0.0
    while not stop.wait(pause):
        pause = 0.5  # a new study's run is made within the block
        with suppress(TrackingError):
            tracker = tracker or workspace.open_tracker()
            run_id = run_id or tracker.find_study(study)
            if run_id is not None:
                pause = BEAT_S
                tracker.set_tags(
                    run_id,
                    {
                        schema.DRIVER: identity(),
                        schema.DRIVER_SEEN: f"{time.time():.0f}",
                        schema.STALLED: stalled() or "",
                    },
                )


def refuse_alive(study: str, tracker: Tracker, progress: SweepProgress | None = None) -> None:
    """Make sure that no driver of a study lives.

    Raises:
        StudyError: if one does.
    """
    run_id = tracker.find_study(study)
    if run_id is None or tracker.run(run_id).status != "RUNNING":
        return
    if driver_life(tracker, run_id, progress) == "alive":
        raise StudyError(
            f"study {study!r} is running: {where(tracker.run(run_id).tags)} drives it; wait or stop it first"
        )


def driver_life(tracker: Tracker, run_id: str, progress: SweepProgress | None = None) -> Life:
    """Whether a study's driver lives; see `driver_lives`."""
    return driver_lives(tracker, [tracker.run(run_id)], progress)[run_id]


def driver_lives(tracker: Tracker, runs: Iterable[TrialRun], progress: SweepProgress | None = None) -> dict[str, Life]:
    """Whether the drivers of studies live, by the ids of their runs.

    Those on other machines are watched for a new sign of life, all of them at once. Gives `alive` or `dead`; `unknown`
    only for runs without a driver's name.
    """
    tags = {run.run_id: run.tags for run in runs}
    lives = {run_id: life(own) for run_id, own in tags.items()}
    watched = {run_id for run_id, known in lives.items() if known == "unknown" and schema.DRIVER in tags[run_id]}
    if watched:
        names = ", ".join(sorted({where(tags[run_id]) for run_id in watched}))
        note = _LOG.warning if progress is None else progress.note
        note(f"waiting up to {STALE_S:.0f} s for a sign of life of {names}, which drove the study")
    deadline = time.monotonic() + STALE_S
    while watched and time.monotonic() < deadline:
        time.sleep(1)
        alive = {
            run_id
            for run_id in watched
            if tracker.run(run_id).tags.get(schema.DRIVER_SEEN) != tags[run_id].get(schema.DRIVER_SEEN)
        }
        lives.update(dict.fromkeys(alive, "alive"))
        watched -= alive
    return lives | dict.fromkeys(watched, "dead")
