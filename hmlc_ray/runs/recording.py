"""How a run gets into MLflow: its tags, its files, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.plugins import Plugin, plugins_of
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.loader import place_of
from hmlc_ray.errors import StoreAway, TrackingError, error_sentence
from hmlc_ray.evaluation.confusion_files import Matrices, matrices_of, write_confusion
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.runs.digests import weights_digest
from hmlc_ray.study import schema
from hmlc_ray.study.schema import CHECKPOINT, CONFUSION, ENCODER
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.checkpoint import Checkpoint, load_checkpoint
from hmlc_ray.training.checkpoint_files import TAXONOMY_FILE
from hmlc_ray.training.export import MASKS_FILE, WEIGHTS_FILE, export_encoder, write_mask_table


def run_tags(config: TrialConfig, fingerprint: str) -> dict[str, str]:
    """Tags of a run besides its params."""
    own = {
        schema.SEED: str(config.seed),
        schema.DATA_FINGERPRINT: fingerprint,
        schema.DATA: data_name(config.data),
        schema.OBJECTIVE: config.objective.kind,
    }
    digest = weights_digest(config)
    weights = {} if digest is None else {schema.WEIGHTS_DIGEST: digest}
    return own | weights | plugin_tags(plugins_of(config))


def plugin_tags(plugins: Iterable[Plugin]) -> dict[str, str]:
    """The plug-ins behind a run; nothing where there are none."""
    named = {f"{plugin.section}.kind {plugin.kind}: {plugin}": None for plugin in plugins}
    return {schema.PLUGINS: "; ".join(named)} if named else {}


def data_tags(data: DataSet, device: str) -> dict[str, str]:
    """Tags of the data: the location of the training samples when this process trains, the digest of their tree, and
    the notes on the data.

    Raises:
        ConfigError: if the device is not there.
    """
    known = {schema.DATA_NOTES: "; ".join(data.notes)} if data.notes else {}
    return {
        schema.DATA_PLACE: place_of(data, resolve_device(device)),
        schema.TAXONOMY_DIGEST: data.taxonomy.digest,
        **known,
    }


@contextmanager
def recorded(tracker: Tracker, run_id: str) -> Iterator[None]:
    """End the run as the block ends: FINISHED, FAILED with the error, or KILLED by Ctrl-C; never left RUNNING."""
    try:
        yield
    except BaseException as error:
        with suppress(TrackingError):  # the error that ended the run says more than the store's
            if isinstance(error, KeyboardInterrupt):
                tracker.finish(run_id, "KILLED")
            else:
                tracker.finish(run_id, "FAILED", {schema.ERROR: error_sentence(error)})
        raise
    tracker.finish(run_id, "FINISHED")


class Lenient:
    """Lets a single run train to its end where the store does not accept what it writes."""

    def __init__(self) -> None:
        self._error: TrackingError | None = None

    def __call__(self, write: Callable[[], object]) -> None:
        """Write, unless the store did not answer before: its retries would take minutes each time."""
        if isinstance(self._error, StoreAway):
            return
        try:
            write()
        except TrackingError as error:
            self._error = self._error or error

    def log_result(
        self, tracker: Tracker, run_id: str, checkpoint: Path, encoder: Path, note: Callable[[str], None]
    ) -> Checkpoint:
        """Log a checkpoint folder, and the encoder that is exported from it into another one; gives the checkpoint.

        Raises:
            TrackingError: if the store did not take something, now or before, with the paths of what was trained.
        """
        loaded = load_checkpoint(checkpoint)
        self(lambda: log_checkpoint(tracker, run_id, checkpoint))
        self(lambda: log_export(tracker, run_id, loaded, encoder, note))
        if self._error is None:
            return loaded
        if not (encoder / WEIGHTS_FILE).is_file():
            export_encoder(loaded, encoder)
        raise TrackingError(
            f"{self._error}; the training is done: its checkpoint is {checkpoint}, its encoder {encoder}"
        )


def log_taxonomy(tracker: Tracker, run_id: str, config: DataConfig, taxonomy: Taxonomy) -> None:
    """Log the tree as a file that `data.taxonomy: {kind: file}` reads, where it is not the data set's own."""
    if config.keep_levels is not None or not isinstance(config.taxonomy, str | None):
        tracker.log_dict(run_id, taxonomy.to_dict(), TAXONOMY_FILE)


def log_checkpoint(tracker: Tracker, run_id: str, folder: Path) -> Checkpoint:
    """Log a checkpoint folder and its mask table; gives the checkpoint."""
    checkpoint = load_checkpoint(folder)
    tracker.log_artifacts(run_id, folder, CHECKPOINT)
    if checkpoint.state.get("weights_prefix"):
        tracker.set_tags(run_id, {schema.WEIGHTS_PREFIX: checkpoint.state["weights_prefix"]})
    with scratch_folder("artifacts") as scratch:
        if write_mask_table(checkpoint, scratch / MASKS_FILE):
            tracker.log_artifacts(run_id, scratch)
    return checkpoint


def log_export(
    tracker: Tracker,
    run_id: str,
    checkpoint: Checkpoint,
    folder: Path,
    note: Callable[[str], None],
    *,
    judged: Matrices | None = None,
) -> Path:
    """Export the plain encoder into `folder`, and log it with its confusion matrices.

    Args:
        note: called with a sentence about each format that could not be written.
        judged: matrices of splits that it was judged on since the checkpoint was written.
    """
    for missing in export_encoder(checkpoint, folder):
        note(missing)
    tracker.log_artifacts(run_id, folder, ENCODER)
    matrices = {**matrices_of(checkpoint.state.get("confusion", {})), **(judged or {})}
    with scratch_folder("artifacts") as scratch:
        if write_confusion(checkpoint.taxonomy, matrices, scratch):
            tracker.log_artifacts(run_id, scratch, CONFUSION)
    return folder


def checkpoint_of(tracker: Tracker, run_id: str) -> Checkpoint:
    """The checkpoint that a run logged."""
    with scratch_folder("fetched") as scratch:
        return load_checkpoint(tracker.download(run_id, CHECKPOINT, scratch))
