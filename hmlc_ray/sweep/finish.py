"""The end of a study: the best configuration is evaluated once on test, and its encoder is exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.paths import flatten
from hmlc_ray.config.sweep import StudyConfig, TrialsConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.evaluation import evaluate
from hmlc_ray.machine.activity import doing
from hmlc_ray.runs.recording import checkpoint_of, log_checkpoint, log_export, recorded, run_tags
from hmlc_ray.study import schema
from hmlc_ray.study.schema import ENCODER, REFIT
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.train.group import train_group
from hmlc_ray.sweep.train.trial import Group
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export import WEIGHTS_FILE, encoder_of
from hmlc_ray.training.seeding import kernels


@dataclass(frozen=True)
class Conclusion:
    """The study's encoder."""

    test_metrics: dict[str, float]
    export: Path
    run_id: str
    """Id of the run that trained it."""


def judge_best(context: StudyContext, best: TrialRow) -> Conclusion:
    """Evaluate the best trial's own encoder on test, and export it."""
    tracker, asks_for_gpus = context.tracker, context.sweep.trials.resources.gpus > 0
    checkpoint = checkpoint_of(tracker, best.run_id)
    config = checkpoint.config.with_regularisation(checkpoint.chosen_regularisation)
    # Where the trials were given GPUs this machine need not have one.
    device = resolve_device("auto" if asks_for_gpus and config.training.device != "cpu" else "cpu")
    with kernels(config.training, device):
        encoder = encoder_of(checkpoint).to(device)
        judgement = evaluate(encoder, context.data, config, split="test", device=device, full=True)
    tracker.log(best.run_id, [(checkpoint.epochs_done, judgement.metrics)])
    judged = {"test": judgement.confusion}
    doing("exporting the encoder")
    export = log_export(tracker, best.run_id, checkpoint, _folder(context), context.progress.note, judged=judged)
    return Conclusion(judgement.metrics, export, best.run_id)


def refit_best(
    context: StudyContext, trials: TrialsConfig, best: TrialRow, parent: str, alive: Callable[[], None]
) -> Conclusion:
    """Train the best configuration again through Ray Train on train + validation, evaluate it once on test, export it.

    The probe's regularisation is the one that the best trial chose on validation: nothing is left to choose on.

    Args:
        alive: called at each report of the workers.
    """
    tracker, results, encoder = context.tracker, context.results, _folder(context)
    config = refit_config(checkpoint_of(tracker, best.run_id))
    trial_id, done = _refit_of(tracker, parent, best)
    if done is not None and _is_exported(tracker, parent, done, encoder):
        judged = {name: value for name, value in done.metrics.items() if name.startswith("test/")}
        return Conclusion(judged, encoder, done.run_id)
    run_id = tracker.trial_run(
        parent,
        trial_id,
        name=f"{context.name}-{trial_id} {config.objective.kind}",
        params=flatten(config),
        tags={
            **run_tags(config, context.data.fingerprint),
            schema.REFIT_OF: best.run_id,
            schema.DESCRIPTION: f"Trial {best.number}, trained again on train + validation, and judged on test.",
        },
        dataset=context.dataset,
    )

    tracker.reopen(run_id)

    def on_result(result: dict[str, Any]) -> None:
        alive()
        tracker.log(run_id, [(entry["epoch"], entry["metrics"]) for entry in result["history"]])
        context.progress.note(f"refit: epoch {result['epoch']} of {result['total_epochs']}")

    with recorded(tracker, run_id):
        group = Group(trials, context.name + trial_id.removeprefix(REFIT), results.refits)
        trained = train_group(config, group, test=True, on_result=on_result)
        with results.fetched(trained.checkpoint) as folder:
            checkpoint = log_checkpoint(tracker, run_id, folder)
        export = log_export(tracker, run_id, checkpoint, encoder, context.progress.note)
    _supersede(tracker, parent, run_id)
    return Conclusion(checkpoint.metrics, export, run_id)


def conclude_study(tracker: Tracker, parent: str, study: StudyConfig, best: TrialRow, conclusion: Conclusion) -> None:
    """Write a study's outcome into its run.

    Metrics are at step 0 or, where a study has another best trial than at its end before, since it got more trials or
    failed ones ran again, one step further: its last values are those of the best.
    """
    steps = [step for step, _ in tracker.history(parent, study.objective_metric)]
    is_new = tracker.run(parent).tags.get(schema.BEST_RUN) != best.run_id
    step = max(steps) + is_new if steps else 0
    tracker.log(parent, [(step, {study.objective_metric: best.value or 0.0, **conclusion.test_metrics})])
    tracker.set_tags(
        parent, {schema.BEST_TRIAL: best.number, schema.BEST_RUN: best.run_id, schema.ENCODER_RUN: conclusion.run_id}
    )


def _refit_of(tracker: Tracker, parent: str, best: TrialRow) -> tuple[str, TrialRun | None]:
    """The id that the refit of this trial has instead of a number, and its run where it is finished.

    It is `refit`, unless that was the refit of another trial: more trials, or `hmlc retry`, can find a better one.
    """
    runs = {run.trial_id: run for run in tracker.children(parent) if run.trial_id.startswith(REFIT)}
    first = runs.get(REFIT)
    trial_id = REFIT if first is None or first.tags.get(schema.REFIT_OF) == best.run_id else f"{REFIT}~{best.number}"
    run = runs.get(trial_id)
    return trial_id, run if run is not None and run.status == "FINISHED" else None


def _is_exported(tracker: Tracker, parent: str, refit: TrialRun, folder: Path) -> bool:
    """Whether the study's folder holds the encoder of this refit, and not that of another best trial."""
    return (folder / WEIGHTS_FILE).is_file() and tracker.run(parent).tags.get(
        schema.ENCODER_RUN, refit.run_id
    ) == refit.run_id


def _supersede(tracker: Tracker, parent: str, run_id: str) -> None:
    for run in tracker.children(parent):
        if run.trial_id.startswith(REFIT) and run.run_id != run_id:
            tracker.set_tags(run.run_id, {schema.SUPERSEDED_BY: run_id})


def refit_config(best: Checkpoint) -> TrialConfig:
    """The best trial's configuration, with all samples but the test split for training."""
    config = best.config.with_regularisation(best.chosen_regularisation)
    return config.model_copy(update={"data": config.data.model_copy(update={"train_on": "train+val"})})


def _folder(context: StudyContext) -> Path:
    return context.folder / ENCODER
