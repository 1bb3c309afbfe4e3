"""What a report is about: a study or a benchmark by its name, or any run by its id."""

from __future__ import annotations

from collections.abc import Callable

from hmlc_ray.errors import StoreAway, StudyError, TrackingError
from hmlc_ray.names.nearest import nearest
from hmlc_ray.study import schema
from hmlc_ray.study.lookup import named_run, refuse_deleted
from hmlc_ray.study.named_runs import find_trial
from hmlc_ray.study.schema import RunKind
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun


def find_subject(name: str, tracker: Tracker, note: Callable[[str], None]) -> TrialRun:
    """The run of a study or a benchmark of that name (see `named_run`), else the trial `STUDY:TRIAL` or the run of that
    id.

    Args:
        note: called with a sentence where a study and a benchmark have that name.

    Raises:
        StudyError: if there is none, with the nearest name that there is; or if it was deleted.
        StoreAway: if the store does not answer.
    """
    found, both = named_run(name, tracker)
    if both is not None:
        note(both)
    if found is not None:
        return found
    refuse_deleted(name.replace("'", ""), tracker)
    try:
        run = find_trial(name, tracker) or tracker.run(name)
    except StoreAway:
        raise
    except TrackingError as error:
        known = [run.tags[schema.STUDY] for run in (*tracker.benchmarks(), *tracker.studies())]
        raise StudyError(
            f"the MLflow store {tracker.uri} has neither a study nor a benchmark nor a run {name!r}"
            f"{nearest(name, known)}: another store is named by --tracking-uri or --home"
        ) from error
    if not tracker.is_active(run.run_id):
        raise StudyError(
            f"run {run.run_id} was deleted in MLflow: restore it with `{tracker.restore_command(run.run_id)}`"
        )
    return run


def kind_of(run: TrialRun) -> RunKind:
    """What a run records; of a run without the tag, by its other tags."""
    kind = run.tags.get(schema.KIND, "")
    if kind in {*RunKind}:
        return RunKind(kind)
    return RunKind.STUDY if schema.STUDY in run.tags else RunKind.SINGLE


def open_store(name: str, workspace: Workspace) -> Tracker:
    """The store that has the runs.

    Raises:
        StudyError: if there is none: nothing ran yet.
        TrackingError: if it cannot be reached.
    """
    tracker = workspace.existing_tracker()
    if tracker is None:
        raise StudyError(
            f"there is nothing to report on {name!r}: {workspace.store_place} has no MLflow store, so nothing ran "
            "there; another one is named by --home or --tracking-uri"
        )
    return tracker
