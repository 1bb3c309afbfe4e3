"""A study's outcome into its run: none of it decides anything, so what fails is a note and not an error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.config.space import POINT
from hmlc_ray.data.contact_sheet import write_contact_sheet
from hmlc_ray.errors import HmlcError, StoreAway, first_line
from hmlc_ray.machine.activity import noted
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.finish import Conclusion
from hmlc_ray.sweep.outcome.description import Outcome, describe
from hmlc_ray.sweep.outcome.drawing import PICTURES, draw_study, picture_seconds
from hmlc_ray.sweep.outcome.leaderboard import LEADERBOARD, write_leaderboard
from hmlc_ray.sweep.outcome.model import register_encoder
from hmlc_ray.sweep.outcome.own_pictures import draw_masks
from hmlc_ray.sweep.outcome.searched import drawn_study, with_curves
from hmlc_ray.tracking import TrialRun
from hmlc_ray.training.export import MASKS_FILE

_SHEET_SAMPLES = 16


def describe_started(context: StudyContext, parent: str) -> None:
    """Describe a study that has begun or resumes, and show its data."""
    with _survived(context, "the study's description"):
        outcome = Outcome(context.sweep, context.data, context.workspace, context.tracker.experiment_of(parent))
        context.tracker.set_tags(parent, {schema.DESCRIPTION: describe(outcome)})
        context.tracker.log_dataset(parent, context.dataset)
        context.tracker.show_columns(parent, _columns(context))


@dataclass(frozen=True)
class Ended:
    """What a study has come to."""

    rows: Sequence[TrialRow]
    runs: Sequence[TrialRun]
    best: TrialRow | None
    conclusion: Conclusion | None


def publish(context: StudyContext, parent: str, ended: Ended) -> None:
    """Write the outcome of a study: its leaderboard, its pictures, its encoder, and its description."""
    rows, best, conclusion = ended.rows, ended.best, ended.conclusion
    by_number = {int(run.trial_id): run for run in ended.runs}
    model = None
    with _survived(context, "the leaderboard"):
        _log_leaderboard(context, parent, rows, by_number)
    with _survived(context, "the study's pictures"):
        _log_pictures(context, parent, rows, by_number, conclusion)
    if conclusion is not None and best is not None:
        with _survived(context, "the registered model"):
            model = register_encoder(context, parent, best, conclusion)
    with _survived(context, "the study's description"):
        outcome = Outcome(
            context.sweep,
            context.data,
            context.workspace,
            context.tracker.experiment_of(parent),
            rows=rows,
            runs=by_number,
            best=best,
            test_metrics=conclusion.test_metrics if conclusion else None,
            encoder_run=conclusion.run_id if conclusion else None,
            model=model,
        )
        context.tracker.set_tags(parent, {schema.DESCRIPTION: describe(outcome)})


@contextmanager
def _survived(context: StudyContext, what: str) -> Iterator[None]:
    """Make a note of an error of the block, and of its work where that takes long."""
    try:
        with noted(f"writing {what}", context.progress.note):
            yield
    except StoreAway:
        context.progress.note(f"{what} is left out: the MLflow store does not answer")
    except HmlcError as error:
        context.progress.note(f"{what} is left out: {error}")
    except Exception as error:  # of whatever library draws or writes it
        context.progress.note(f"{what} is left out: {type(error).__name__}: {first_line(error)}")


def _log_leaderboard(
    context: StudyContext, parent: str, rows: Sequence[TrialRow], runs: Mapping[int, TrialRun]
) -> None:
    with scratch_folder("artifacts") as scratch:
        write_leaderboard(context.study, rows, runs, context.data.taxonomy.level_names, scratch / LEADERBOARD)
        context.tracker.log_artifacts(parent, scratch)
    context.tracker.set_tags(parent, {schema.LOGGED_TABLES: json.dumps([{"path": LEADERBOARD, "type": "table"}])})


def _log_pictures(
    context: StudyContext,
    parent: str,
    rows: Sequence[TrialRow],
    runs: Mapping[int, TrialRun],
    conclusion: Conclusion | None,
) -> None:
    seconds = picture_seconds()
    if not seconds or context.sweep.points or all(row.value is None for row in rows):
        return
    study, levels = context.study, context.data.taxonomy.level_names
    curves = {
        number: dict(context.tracker.history(runs[number].run_id, study.objective_metric))
        for number in with_curves(rows, study.mode)
        if number in runs
    }
    with scratch_folder("artifacts") as scratch:
        for missing in draw_study(drawn_study(context.sweep, rows, runs, curves, levels), scratch, seconds):
            context.progress.note(missing)
        _draw_views(context, scratch / PICTURES / "views.png")
        if conclusion is not None:
            with _survived(context, "the picture of the masks"):
                draw_masks(conclusion.export / MASKS_FILE, scratch / PICTURES / "masks.png")
        context.tracker.log_artifacts(parent, scratch / PICTURES, PICTURES)


def _draw_views(context: StudyContext, file: Path) -> None:
    """Samples with two views each, as the study's trials see them."""
    with _survived(context, "the picture of the views"):
        write_contact_sheet(context.data, context.sweep.base_trial(), file, _SHEET_SAMPLES)


def _columns(context: StudyContext) -> list[str]:
    """The columns of the table of runs: state, metrics by level, searched parameters, data."""
    sweep, study = context.sweep, context.study
    family = study.objective_metric.rpartition("/")[0]
    metrics = [study.objective_metric, *(f"{family}/{level}" for level in ("mean", *context.data.taxonomy.level_names))]
    metrics += [f"test/{family.partition('/')[2]}/mean"]
    space = sweep.search_space()
    searched = dict.fromkeys(path for chosen in space.assignments() for _, path, _ in space.dimensions(chosen))
    searched.pop(POINT, None)
    tags = [schema.STATUS, schema.OBJECTIVE, schema.EPOCHS, *([schema.RUNG] if study.scheduler else [])]
    return [
        *(f"tags.{name}" for name in tags),
        *(f"metrics.{metric_key(name)}" for name in dict.fromkeys(metrics)),
        *(f"params.{metric_key(path)}" for path in searched),
    ]
