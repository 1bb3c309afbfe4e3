"""The trained encoder of a run, a study or a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.errors import CheckpointError, StoreAway, TrackingError
from hmlc_ray.machine.user import expanded
from hmlc_ray.runs.recording import checkpoint_of
from hmlc_ray.runs.sources import Located, Source, find_run
from hmlc_ray.study import schema
from hmlc_ray.study.schema import CHECKPOINT, ENCODER
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.training.checkpoint import Checkpoint, load_checkpoint
from hmlc_ray.training.checkpoint_files import META_FILE
from hmlc_ray.training.export.encoder import CONFIG_FILE, ONNX_FILE, PROGRAM_FILE, WEIGHTS_FILE
from hmlc_ray.training.export.reading import is_export, read_export, trained_encoder
from hmlc_ray.training.trained import TrainedEncoder

_EXPORTED = (CONFIG_FILE, ONNX_FILE, PROGRAM_FILE, WEIGHTS_FILE)


def find_encoder(source: Source, workspace: Workspace) -> TrainedEncoder:
    """The encoder of a folder, a study or a run, in evaluation mode on the CPU. Text is tried as each, in this order.

    Args:
        source: a folder with a checkpoint or an exported encoder, as `studies/NAME` and `runs/ID` of the home folder
            are; the name of a study: its refit's or best trial's, or the best so far of one that has not ended;
            `STUDY:TRIAL`; the id of a run.

    Raises:
        CheckpointError: if the source is none of these, the run was deleted or has no checkpoint, or the checkpoint is
            damaged or of another version.
        StudyError: if no trial of the study is complete yet.
        TrackingError: if the MLflow store cannot be reached.
    """
    folder = _folder(source)
    if (encoder := _in_folder(folder)) is not None:
        return encoder
    return trained_encoder(_in_store(source, folder, workspace).checkpoint)


def checkpoint_in(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder, or in its subfolder `checkpoint`; None where neither is one.

    Raises:
        CheckpointError: if it is damaged, or of another version.
    """
    folders = [path for path in (folder, folder / CHECKPOINT) if (path / META_FILE).is_file()]
    return load_checkpoint(folders[0]) if folders else None


@dataclass(frozen=True)
class FoundCheckpoint:
    """A checkpoint, and what it was found by: a folder, or a run of a store."""

    checkpoint: Checkpoint
    folder: Path | None = None
    run: TrialRun | None = None
    tracker: Tracker | None = None


def find_checkpoint(source: Source, workspace: Workspace) -> FoundCheckpoint:
    """The checkpoint of a folder, a study or a run, found as `find_encoder` finds the encoder.

    Raises:
        CheckpointError: see `find_encoder`; also if the source is an exported encoder, which is without a checkpoint.
        StudyError, TrackingError: see `find_encoder`.
    """
    folder = _folder(source)
    if (checkpoint := checkpoint_in(folder)) is not None:
        return FoundCheckpoint(checkpoint, folder=folder)
    if _exports(folder):
        raise CheckpointError(
            f"{folder} is an exported encoder, which has no checkpoint: give its run, its study or its checkpoint"
        )
    return _in_store(source, folder, workspace)


def checkpoint_of_run(run: TrialRun, tracker: Tracker) -> Checkpoint:
    """The checkpoint that a run logged.

    Raises:
        CheckpointError: if it was deleted or has none, or the checkpoint is damaged or of another version.
    """
    if not tracker.is_active(run.run_id):
        raise CheckpointError(
            f"run {run.run_id} was deleted in MLflow: restore it with `{tracker.restore_command(run.run_id)}`"
        )
    try:
        return checkpoint_of(tracker, run.run_id)
    except StoreAway:
        raise
    except TrackingError as error:
        status = run.tags.get(schema.STATUS, run.status.lower())
        raise CheckpointError(f"run {run.run_id} ({status}) has no checkpoint in {tracker.uri}") from error
    except CheckpointError as error:
        raise CheckpointError(f"the checkpoint of run {run.run_id} cannot be used: {error}") from error


def _folder(source: Source) -> Path:
    """The folder that a source may be; a file of an exported encoder means its folder."""
    folder = expanded(source.source if isinstance(source, Located) else source)
    return folder.parent if folder.name in _EXPORTED and folder.is_file() else folder


def _exports(folder: Path) -> list[Path]:
    return [path for path in (folder, folder / ENCODER) if is_export(path)]


def _in_folder(folder: Path) -> TrainedEncoder | None:
    checkpoint = checkpoint_in(folder)
    if checkpoint is not None:
        return trained_encoder(checkpoint)
    exports = _exports(folder)
    return read_export(exports[0]) if exports else None


def _in_store(source: Source, folder: Path, workspace: Workspace) -> FoundCheckpoint:
    """The checkpoint of a study or a run, where the source is not a folder of one."""
    located = source if isinstance(source, Located) else Located(source)
    run, tracker = located.run or find_run(located.source, folder, workspace)
    return FoundCheckpoint(checkpoint_of_run(run, tracker), run=run, tracker=tracker)
