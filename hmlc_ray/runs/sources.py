"""What names an encoder: a folder, or a run of the store. Loads no torch, so that a wrong name is refused at once."""

from __future__ import annotations

import os
from pathlib import Path

from hmlc_ray.errors import CheckpointError
from hmlc_ray.home import Home
from hmlc_ray.machine.user import expanded
from hmlc_ray.study.named_runs import find_named, nearest_study
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun


def check_source(source: str | os.PathLike[str], workspace: Workspace) -> None:
    """Check that there is a folder, a study or a run of that name; what it holds is not looked at.

    Raises:
        CheckpointError: if there is none.
        StudyError: if no trial of the study is complete, or it has no such trial.
        TrackingError: if the MLflow store cannot be reached.
    """
    folder = expanded(source)
    if not folder.exists():
        find_run(source, folder, workspace)


def find_run(source: str | os.PathLike[str], folder: Path, workspace: Workspace) -> tuple[TrialRun, Tracker]:
    """The run of a study or a run's id, where the source is not a folder with an encoder, and the store that has it.

    Args:
        folder: the folder that was looked at.

    Raises:
        as `check_source`.
    """
    if not isinstance(source, str):
        what = "has neither a checkpoint nor an exported encoder in it" if folder.exists() else "does not exist"
        raise CheckpointError(f"{folder} {what}")
    tracker = workspace.existing_tracker()
    if tracker is None:
        raise CheckpointError(f"{_no_folder(source, folder)}, and there is no MLflow store in {workspace.store_place}")
    return _run(source, folder, workspace.home, tracker), tracker


def _run(source: str, folder: Path, home: Home, tracker: Tracker) -> TrialRun:
    """The run of that name, see `find_named`; of a study the one whose encoder is its result."""
    named = find_named(source, home, tracker)
    if named is None:
        raise CheckpointError(
            f"{_no_folder(source, folder)}, and the MLflow store {tracker.uri} has neither a study nor a run of that "
            f"name{nearest_study(source, tracker)}"
        )
    return named.result


def _no_folder(source: str, folder: Path) -> str:
    if folder.exists():
        return f"{source} has neither a checkpoint nor an exported encoder in it"
    return f"there is no folder {source!r}"
