"""What names an encoder: a folder, or a run of the store. Loads no torch, so that a wrong name is refused at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.errors import CheckpointError
from hmlc_ray.home import Home
from hmlc_ray.machine.user import expanded
from hmlc_ray.study.named_runs import find_named, nearest_study
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun


@dataclass(frozen=True)
class Located:
    """A source that was looked for; its text is what it was called."""

    source: str | os.PathLike[str]
    run: tuple[TrialRun, Tracker] | None = None
    """The run in the store; None: it was not looked for, since there may be a folder of that name."""

    def __str__(self) -> str:
        return str(self.source)


Source = str | os.PathLike[str] | Located


def locate(source: str | os.PathLike[str], workspace: Workspace) -> Located:
    """Look for a folder, a study or a run of that name; what it holds is not looked at.

    Raises:
        CheckpointError: if there is none.
        StudyError: if no trial of the study is complete, or it has no such trial.
        TrackingError: if the MLflow store cannot be reached.
    """
    folder = expanded(source)
    return Located(source, None if folder.exists() else find_run(source, folder, workspace))


def find_run(source: str | os.PathLike[str], folder: Path, workspace: Workspace) -> tuple[TrialRun, Tracker]:
    """The run of a study or a run's id, where the source is not a folder with an encoder, and the store that has it.

    Args:
        folder: the folder that was looked at.

    Raises:
        as `locate`.
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
