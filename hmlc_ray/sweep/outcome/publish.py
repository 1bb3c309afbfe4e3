"""A study's outcome into its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hmlc_ray.config.space import POINT
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.finish import Conclusion
from hmlc_ray.sweep.outcome.description import Outcome, describe
from hmlc_ray.sweep.outcome.drawing import Drawing
from hmlc_ray.sweep.outcome.leaderboard import LEADERBOARD, write_leaderboard
from hmlc_ray.sweep.outcome.model import register_encoder
from hmlc_ray.sweep.outcome.pictures import log_pictures
from hmlc_ray.sweep.outcome.survived import survived
from hmlc_ray.tracking import TrialRun


def describe_started(context: StudyContext, parent: str) -> None:
    """Describe a study that has begun or resumes, and show its data."""
    with survived(context, "the study's description"):
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


def publish(context: StudyContext, parent: str, ended: Ended, drawing: Drawing | None) -> None:
    """Write the outcome of a study: its leaderboard, its pictures, its encoder, and its description."""
    rows, best, conclusion = ended.rows, ended.best, ended.conclusion
    by_number = {int(run.trial_id): run for run in ended.runs}
    model = None
    with survived(context, "the leaderboard"):
        _log_leaderboard(context, parent, rows, by_number)
    if drawing is not None:
        log_pictures(context, parent, drawing, conclusion)
    if conclusion is not None and best is not None:
        with survived(context, "the registered model"):
            model = register_encoder(context, parent, best, conclusion)
    with survived(context, "the study's description"):
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


def _log_leaderboard(
    context: StudyContext, parent: str, rows: Sequence[TrialRow], runs: Mapping[int, TrialRun]
) -> None:
    with scratch_folder("artifacts") as scratch:
        write_leaderboard(context.study, rows, runs, context.data.taxonomy.level_names, scratch / LEADERBOARD)
        context.tracker.log_artifacts(parent, scratch)
    context.tracker.set_tags(parent, {schema.LOGGED_TABLES: json.dumps([{"path": LEADERBOARD, "type": "table"}])})


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
