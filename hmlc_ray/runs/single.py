"""Single runs in this process: train one configuration, evaluate one encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.moved import followed
from hmlc_ray.config.paths import flatten
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.notes import warn_about
from hmlc_ray.errors import CheckpointError
from hmlc_ray.evaluation import evaluate
from hmlc_ray.machine.activity import reading_data
from hmlc_ray.machine.interrupts import hearing
from hmlc_ray.runs.encoders import find_checkpoint
from hmlc_ray.runs.induction import with_tree
from hmlc_ray.runs.open_set import named_open_set
from hmlc_ray.runs.plan import RunPlan
from hmlc_ray.runs.recording import Lenient, data_tags, log_taxonomy, recorded, run_tags
from hmlc_ray.runs.sources import Source
from hmlc_ray.study import schema
from hmlc_ray.study.schema import CHECKPOINT, ENCODER
from hmlc_ray.study.summary import RunProgress, RunSummary
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord, save_checkpoint
from hmlc_ray.training.export import encoder_of
from hmlc_ray.training.fit import cached_data, fit
from hmlc_ray.training.seeding import kernels, threads_of


def train_run(plan: RunPlan, workspace: Workspace, progress: RunProgress) -> RunSummary:
    """Train one configuration here, as one MLflow run, with its checkpoint and the plain encoder as artifacts.

    Raises:
        UserError: if configuration, data or store are wrong; before anything is trained where that shows.
        TrainingError: if the loss is not finite; the run is then marked FAILED.
    """
    config = with_tree(plan.config, workspace, progress.note)
    with workspace.home.current(), reading_data(progress.note):
        data = cached_data(config.data)
    warn_about(data)
    tracker = workspace.open_tracker()
    tracker.check_artifacts()
    own = data_tags(data, config.training.device) | {schema.CPU_THREADS: str(threads_of(config.training))}
    tags, experiment = run_tags(config, data.fingerprint) | own, data_name(config.data)
    run_id = tracker.single_run(plan.name, params=flatten(config), tags=tags, experiment=experiment)
    folder, lenient = workspace.home.run(run_id), Lenient()

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        lenient(lambda: tracker.log(run_id, [(record.epoch, record.metrics)]))
        progress.epoch(record.epoch, config.training.epochs, record.metrics)
        if record.evaluated:
            save_checkpoint(folder / CHECKPOINT, snapshot())

    with hearing(progress.note, workspace.reap_sentence), recorded(tracker, run_id):
        tracker.check_artifacts(run_id)
        lenient(lambda: log_taxonomy(tracker, run_id, config.data, data.taxonomy))
        result = fit(config, report, test=plan.test)
        lenient.log_result(tracker, run_id, folder / CHECKPOINT, folder / ENCODER, progress.note)
    return RunSummary(
        run_id=run_id,
        metrics=result.metrics,
        level_names=data.taxonomy.level_names,
        checkpoint_dir=folder / CHECKPOINT,
        export_dir=folder / ENCODER,
        epochs=config.training.epochs,
    )


def probe_run(
    target: Source,
    workspace: Workspace,
    *,
    split: Literal["val", "test"] = "val",
    open_set: str | None = None,
) -> dict[str, float]:
    """Evaluate the encoder of a checkpoint folder, a study or an MLflow run, on the data it was trained on.

    Args:
        open_set: samples of no known class, see `named_open_set`; None: those that the data itself has.

    Raises:
        CheckpointError: see `find_checkpoint`; also if the data changed.
        StudyError, TrackingError: see `find_checkpoint`.
        ConfigError, DataError: see `named_open_set`.
    """
    checkpoint = find_checkpoint(target, workspace).checkpoint
    config, data = own_data(checkpoint, target, workspace)
    if open_set is not None:
        data = with_open_set(data, split, open_set, checkpoint, workspace)
    chosen = checkpoint.chosen_regularisation if split == "test" else config.evaluation.chosen_regularisation
    config = config.with_regularisation(chosen)
    device = resolve_device(config.training.device)
    with kernels(config.training, device):
        return evaluate(encoder_of(checkpoint).to(device), data, config, split=split, device=device, full=True).metrics


def own_data(checkpoint: Checkpoint, target: Source, workspace: Workspace) -> tuple[TrialConfig, DataSet]:
    """The configuration of a checkpoint, with paths as they are now, and the data that it was trained on.

    Args:
        target: what the checkpoint was found by.

    Raises:
        CheckpointError: if the data changed.
        DataError: if they cannot be read.
    """
    config = followed(checkpoint.config, workspace.home)
    with workspace.home.current():
        data = cached_data(config.data)
    if data.fingerprint != checkpoint.fingerprint:
        raise CheckpointError(
            f"the data of {target} changed since it was trained (fingerprint {checkpoint.fingerprint[:12]}, "
            f"now {data.fingerprint[:12]})"
        )
    return config, data


def with_open_set(data: DataSet, split: str, named: str, checkpoint: Checkpoint, workspace: Workspace) -> DataSet:
    """The data with samples of no known class for a split; see `named_open_set`."""
    return replace(data, open_set={split: named_open_set(named, checkpoint, data, workspace.home)})
