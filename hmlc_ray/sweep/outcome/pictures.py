"""The pictures in a study's run: those of its trials, of its views and of its masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hmlc_ray.data.contact_sheet import write_contact_sheet
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.finish import Conclusion
from hmlc_ray.sweep.outcome.drawing import PICTURES, Drawing, drawing, picture_seconds
from hmlc_ray.sweep.outcome.own_pictures import draw_masks
from hmlc_ray.sweep.outcome.searched import DrawnStudy, drawn_study, with_curves
from hmlc_ray.sweep.outcome.survived import survived
from hmlc_ray.tracking import TrialRun
from hmlc_ray.training.export import MASKS_FILE

_SHEET_SAMPLES = 16
_WHAT = "the study's pictures"


@contextmanager
def drawn_beside(context: StudyContext, rows: Sequence[TrialRow], runs: Sequence[TrialRun]) -> Iterator[Drawing | None]:
    """Draw the pictures of a study's trials beside the block, such as its refit; None: there are none to draw."""
    with ExitStack() as stack:
        begun = None
        with survived(context, _WHAT):
            seconds = picture_seconds()
            if seconds and not context.sweep.points and any(row.value is not None for row in rows):
                drawn = _drawn(context, rows, {int(run.trial_id): run for run in runs})
                folder = stack.enter_context(scratch_folder("artifacts"))
                begun = stack.enter_context(drawing(drawn, folder, seconds))
        yield begun


def log_pictures(context: StudyContext, parent: str, begun: Drawing, conclusion: Conclusion | None) -> None:
    """Log them, with those of the views and of the encoder's masks."""
    with survived(context, _WHAT):
        for missing in begun.missing():
            context.progress.note(missing)
        _draw_views(context, begun.folder / "views.png")
        if conclusion is not None:
            with survived(context, "the picture of the masks"):
                draw_masks(conclusion.export / MASKS_FILE, begun.folder / "masks.png")
        context.tracker.log_artifacts(parent, begun.folder, PICTURES)


def _drawn(context: StudyContext, rows: Sequence[TrialRow], runs: Mapping[int, TrialRun]) -> DrawnStudy:
    study = context.study
    curves = {
        number: dict(context.tracker.history(runs[number].run_id, study.objective_metric))
        for number in with_curves(rows, study.mode)
        if number in runs
    }
    return drawn_study(context.sweep, rows, runs, curves, context.data.taxonomy.level_names)


def _draw_views(context: StudyContext, file: Path) -> None:
    """Samples with two views each, as the study's trials see them."""
    with survived(context, "the picture of the views"):
        write_contact_sheet(context.data, context.sweep.base_trial(), file, _SHEET_SAMPLES)
