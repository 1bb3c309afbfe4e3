"""The diagnosis of a trained encoder on its own data: computed, written to a folder, logged to its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.diagnosis import Diagnosis
from hmlc_ray.diagnosis.compute import Subject, diagnose_frozen
from hmlc_ray.diagnosis.files import check_folder, publish, write_diagnosis
from hmlc_ray.diagnosis.mask_sizes import Points, mask_sizes, metric_names
from hmlc_ray.errors import TrackingError
from hmlc_ray.evaluation.judge import freeze
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.runs.encoders import FoundCheckpoint, find_checkpoint
from hmlc_ray.runs.single import own_data, with_open_set
from hmlc_ray.runs.sources import Source
from hmlc_ray.study.schema import CHECKPOINT, DIAGNOSIS
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export import encoder_of, head_of
from hmlc_ray.training.seeding import kernels

HistoryOf = Callable[[str], Points]
"""(epoch, value) of a run's metric, by its name."""


def diagnose_run(
    target: Source,
    workspace: Workspace,
    *,
    split: Literal["val", "test"] = "val",
    report: Path | bool = False,
    open_set: str | None = None,
) -> Diagnosis:
    """Diagnose the encoder of a checkpoint folder, a study or an MLflow run, on the data it was trained on.

    Args:
        report: write pictures and tables: into this folder or, if True, `diagnosis` beside the run's checkpoint. Those
            of a run are logged to it, with the scalars as metrics of the epoch that it was trained to.
        open_set: see `probe_run`.

    Raises:
        CheckpointError, StudyError, TrackingError: see `find_checkpoint`; also if the data changed, or the store does
            not take what is logged; the folder is written all the same.
        ConfigError: if there is no validation split to judge, or the folder cannot be written.
        DataError: see `named_open_set`.
    """
    found = find_checkpoint(target, workspace)
    folder = _folder(found, workspace) if report is True else report or None
    if folder is not None:
        check_folder(folder)
    config, data = own_data(found.checkpoint, target, workspace)
    if open_set is not None:
        data = with_open_set(data, split, open_set, found.checkpoint, workspace)
    diagnosis = diagnose_checkpoint(found.checkpoint, data, config, split=split, history=_history(found))
    return diagnosis if folder is None else _report(diagnosis, found, folder)


def diagnose_checkpoint(
    checkpoint: Checkpoint,
    data: DataSet,
    config: TrialConfig,
    *,
    split: Literal["val", "test"],
    history: HistoryOf | None = None,
) -> Diagnosis:
    """Diagnose a checkpoint's encoder on its data, as `hmlc probe` judges it.

    Args:
        config: of the checkpoint, with paths as they are now.
        history: of the run's metrics; what it lacks is read from the checkpoint.
    """
    given = config.evaluation.chosen_regularisation
    chosen = checkpoint.chosen_regularisation if split == "test" else given
    choosing = config if data.val is None else config.with_regularisation(None)
    masks = checkpoint.state.get("masks")
    device = resolve_device(config.training.device)
    with kernels(config.training, device):
        encoder = encoder_of(checkpoint)
        head = head_of(checkpoint, encoder.feature_dim)
        subject = Subject(
            splits=freeze(encoder.to(device), data, choosing, split=split, device=device, full=True),
            taxonomy=data.taxonomy,
            head=head.to(device),
            masks=None if masks is None else masks.double().numpy(),
            mask_sizes=None
            if masks is None
            else mask_sizes(_logged(checkpoint, masks.shape[0], history), *masks.shape),
        )
        return diagnose_frozen(subject, choosing, device, chosen=chosen)


def _logged(checkpoint: Checkpoint, num_levels: int, history: HistoryOf | None) -> Mapping[str, Points]:
    """The metrics that the sizes of masks are read from: as the run has them, else as the checkpoint does."""
    found: dict[str, Points] = {}
    for name in metric_names(num_levels):
        own = [(record.epoch, record.metrics[name]) for record in checkpoint.history if name in record.metrics]
        found[name] = (history(name) if history is not None else []) or own
    return found


def _history(found: FoundCheckpoint) -> HistoryOf | None:
    run, tracker = found.run, found.tracker
    return None if run is None or tracker is None else lambda name: tracker.history(run.run_id, name)


def _folder(found: FoundCheckpoint, workspace: Workspace) -> Path:
    """Where a report is written unless another folder is given."""
    if found.run is not None:
        return workspace.home.run(found.run.run_id) / DIAGNOSIS
    assert found.folder is not None
    return (found.folder.parent if found.folder.name == CHECKPOINT else found.folder) / DIAGNOSIS


def _report(diagnosis: Diagnosis, found: FoundCheckpoint, folder: Path) -> Diagnosis:
    """Write the files and log them; gives the diagnosis with where they are."""
    run, tracker = found.run, found.tracker
    with scratch_folder("artifacts") as scratch:
        publish(write_diagnosis(diagnosis, scratch), folder)
        if run is None or tracker is None:
            return replace(diagnosis, folder=folder)
        try:
            tracker.log(run.run_id, [(found.checkpoint.epochs_done, diagnosis.metrics())])
            tracker.log_artifacts(run.run_id, scratch, DIAGNOSIS)
        except TrackingError as error:
            raise TrackingError(f"{error}; the report is in {folder}") from error
    return replace(diagnosis, folder=folder, run_id=run.run_id)
