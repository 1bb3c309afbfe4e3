"""`hmlc watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, StudyName, TrackingUri

if TYPE_CHECKING:
    from hmlc_ray.cli.watch_tables import View
    from hmlc_ray.study.watching import StudyWatch, WatchedStudy

PATIENCE_S = 60.0
"""Seconds that a store may be away before the watch ends."""


def watch(
    name: StudyName,
    every: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Seconds between two looks.")] = 5.0,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Watch a study or a benchmark until it ends, wherever it runs: its trials, their curves, the time left.

    It reads the MLflow store alone. It exits with 0 when the study is complete, and with 1 when it ended otherwise;
    Ctrl-C leaves the study alone.
    """
    from hmlc_ray.cli.guard import FAILURE, say
    from hmlc_ray.cli.watch_tables import view
    from hmlc_ray.study.schema import StudyStatus
    from hmlc_ray.study.watching import StudyWatch
    from hmlc_ray.study.workspace import Workspace
    from hmlc_ray.tracking.store import be_brief

    be_brief()  # a look that fails is repeated
    workspace = Workspace.of(home, tracking_uri)
    try:
        watched = StudyWatch(name, workspace)
        if watched.note:
            say(f"hmlc: {watched.note}")
        with view(name, every) as shown:
            last = follow(watched, shown, every)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped watching; {name} was left alone") from None
    if last.state == StudyStatus.COMPLETE:
        typer.echo(f"{name} is complete")
        return
    again = workspace.resume_command(name) if last.benchmark is None else None
    typer.echo(f"{name} has ended: {last.state}" + (f"; resume it with: {again}" if again else ""))
    raise typer.Exit(FAILURE)


def follow(watched: StudyWatch, shown: View, every: float) -> WatchedStudy:
    """Look every few seconds until the study has ended.

    Raises:
        StoreAway: if the store has been away for `PATIENCE_S`.
        TrackingError: if the store is gone.
    """
    import time

    from hmlc_ray.errors import StoreAway
    from hmlc_ray.study.schema import StudyStatus

    answered: float | None = None
    while True:
        try:
            now = watched.look()
        except StoreAway as error:
            if answered is None or time.monotonic() - answered > PATIENCE_S:
                raise
            shown.note(f"{error}; trying again")
        else:
            answered = time.monotonic()
            shown.show(now)
            if now.state != StudyStatus.RUNNING:
                return now
        time.sleep(every)
