"""What is known of one trained encoder: its results per level, confusions, masks, curves and samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hmlc_ray.errors import HmlcError, StoreAway
from hmlc_ray.machine.activity import doing
from hmlc_ray.report.content.confusion import Confusion, confusions_of, in_tree_order
from hmlc_ray.report.content.curves import Points, loss_curves, probe_curves
from hmlc_ray.report.content.levels import LevelResult, level_results, levels_in
from hmlc_ray.report.content.masks import Masks, masks_of
from hmlc_ray.report.content.samples import Samples
from hmlc_ray.report.content.taxonomy import taxonomy_of
from hmlc_ray.report.limits import Limits
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker, TrialRun

if TYPE_CHECKING:
    from hmlc_ray.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class EncoderContent:
    """One run's encoder."""

    run: TrialRun
    taxonomy: Taxonomy | None
    """None where the run logged no checkpoint."""
    level_names: tuple[str, ...]
    levels: tuple[LevelResult, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    masks: Masks | None = None
    losses: dict[str, Points] = field(default_factory=dict)
    accuracies: dict[str, Points] = field(default_factory=dict)
    samples: Samples | None = None
    notes: tuple[str, ...] = ()
    """What could not be shown, and why, a sentence each."""


def encoder_content(
    tracker: Tracker, run: TrialRun, workspace: Workspace, limits: Limits, *, embedding: bool
) -> EncoderContent:
    """Collect what a run logged of its encoder and, with `embedding`, encode samples with it.

    Raises:
        StoreAway: if the store does not answer.
    """
    taxonomy = taxonomy_of(tracker, run.run_id)
    names = taxonomy.level_names if taxonomy is not None else levels_in(run.metrics)
    confusions = () if taxonomy is None else confusions_of(tracker, run.run_id, taxonomy)
    samples, notes = None, []
    if embedding and taxonomy is not None:
        found = _encoded(tracker, run, workspace, limits)
        confusions = confusions or found.confusions
        samples, notes = found.samples, list(found.notes)
    elif embedding:
        notes.append("the run has no checkpoint, so there is no map of samples")
    judged = {matrix.split: matrix.total for matrix in confusions}
    return EncoderContent(
        run,
        taxonomy,
        names,
        level_results(run.metrics, names, judged),
        confusions,
        masks_of(tracker, run),
        loss_curves(tracker, run, names),
        probe_curves(tracker, run, names),
        samples,
        tuple(notes),
    )


@dataclass(frozen=True)
class _Encoded:
    confusions: tuple[Confusion, ...] = ()
    samples: Samples | None = None
    notes: tuple[str, ...] = ()


def _encoded(tracker: Tracker, run: TrialRun, workspace: Workspace, limits: Limits) -> _Encoded:
    """What needs the checkpoint; without it, or without the data, a note says so."""
    doing("loading torch and the encoder")
    from hmlc_ray.report.content.encode import samples_of
    from hmlc_ray.runs.encoders import checkpoint_of_run

    try:
        checkpoint = checkpoint_of_run(run, tracker)
    except StoreAway:
        raise
    except HmlcError as error:
        return _Encoded(notes=(f"there is no map of samples: {error}",))
    confusions = _matrices(checkpoint)
    try:
        return _Encoded(confusions, samples_of(checkpoint, workspace, judged_split(run), limits))
    except (HmlcError, OSError) as error:
        return _Encoded(confusions, notes=(f"there is no map of samples and there are no thumbnails: {error}",))


def judged_split(run: TrialRun) -> Literal["val", "test"]:
    """The split that a run was judged on at its end: the test split is read only where it was before."""
    judged = any(name.startswith("test/") for name in run.metrics)
    return "test" if judged or run.params.get("data.train_on") == "train+val" else "val"


def _matrices(checkpoint: Checkpoint) -> tuple[Confusion, ...]:
    """The matrices that a checkpoint holds."""
    from hmlc_ray.evaluation.confusion_files import matrices_of
    from hmlc_ray.evaluation.confusions import entries

    found = []
    for split, levels in matrices_of(checkpoint.state.get("confusion", {})).items():
        for name, matrix in levels.items():
            cells = zip(*(values.tolist() for values in entries(matrix)), strict=True)
            counts = {(true, predicted): count for true, predicted, count in cells}
            h = checkpoint.taxonomy.level_index(name)
            found.append(in_tree_order(split, h, counts, checkpoint.taxonomy))
    return tuple(sorted(found, key=lambda one: (one.split != "test", checkpoint.taxonomy.level_index(one.level))))
