"""What a study ends with: the best configuration judged once on test, and its encoder exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.checkpoint import Checkpoint
from hmlc_ray.config.paths import flatten
from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.devices import resolve_device
from hmlc_ray.evaluation import evaluate
from hmlc_ray.export import WEIGHTS_FILE, encoder_of
from hmlc_ray.home import Home
from hmlc_ray.recording import ENCODER, log_checkpoint, log_export, recorded, run_tags
from hmlc_ray.seeding import kernels
from hmlc_ray.summary import SweepProgress, TrialRow
from hmlc_ray.sweep.best import checkpoint_of
from hmlc_ray.sweep.group import train_group
from hmlc_ray.sweep.results import REFIT
from hmlc_ray.sweep.stores import Results
from hmlc_ray.tracking import Tracker, TrialRun

_REFIT_OF = "hmlc.refit_of"
"""Tag: the run of the trial whose configuration was trained again."""


@dataclass(frozen=True)
class Conclusion:
    """The study's encoder."""

    test_metrics: dict[str, float]
    export: Path


def judge_best(sweep: SweepConfig, best: TrialRow, data: DataSet, home: Home, tracker: Tracker) -> Conclusion:
    """Judge the best trial's own encoder on test, and export it."""
    checkpoint = checkpoint_of(tracker, best.run_id)
    config = _with_choice(checkpoint.config, checkpoint)
    device = resolve_device(config.training.device)
    with kernels(config.training):
        encoder = encoder_of(checkpoint).to(device)
        found = evaluate(encoder, data, config, split="test", device=device, full=True)
    tracker.log(best.run_id, [(checkpoint.epochs_done, found.metrics)])
    judged = {"test": found.confusion}
    export = log_export(tracker, best.run_id, checkpoint, _folder(sweep, home), judged=judged)
    return Conclusion(found.metrics, export)


def refit_best(
    sweep: SweepConfig,
    trials: TrialsConfig,
    best: TrialRow,
    data: DataSet,
    home: Home,
    tracker: Tracker,
    parent: str,
    progress: SweepProgress,
) -> Conclusion:
    """Train the best configuration again through Ray Train on train + validation, judge it once on test, export it.

    The probe's regularisation is the one that the best trial chose on validation: nothing is left to choose on.
    """
    config, results = refit_config(checkpoint_of(tracker, best.run_id)), Results.of(sweep.study.storage, home)
    trial_id, done = _refit_of(tracker, parent, best)
    if done is not None and (_folder(sweep, home) / WEIGHTS_FILE).is_file():
        judged = {name: value for name, value in done.metrics.items() if name.startswith("test/")}
        return Conclusion(judged, _folder(sweep, home))
    fingerprint = data.fingerprint
    run_id = tracker.trial_run(
        parent,
        trial_id,
        name=f"{sweep.study.name}-{trial_id}",
        params=flatten(config),
        tags={**run_tags(config, fingerprint), _REFIT_OF: best.run_id},
    )

    tracker.reopen(run_id)

    def on_result(result: dict[str, Any]) -> None:
        tracker.log(run_id, [(entry["epoch"], entry["metrics"]) for entry in result["history"]])
        progress.note(f"refit: epoch {result['epoch']} of {result['total_epochs']}")

    with recorded(tracker, run_id):
        group = train_group(
            config,
            trials,
            name=sweep.study.name + trial_id.removeprefix(REFIT),
            storage=results.refits,
            test=True,
            on_result=on_result,
        )
        with results.fetched(group.checkpoint) as folder:
            checkpoint = log_checkpoint(tracker, run_id, folder)
        export = log_export(tracker, run_id, checkpoint, _folder(sweep, home))
    return Conclusion(checkpoint.metrics, export)


def _refit_of(tracker: Tracker, parent: str, best: TrialRow) -> tuple[str, TrialRun | None]:
    """What takes the number's place for the refit of this trial, and its run where it is finished.

    It is `refit`, unless that was the refit of another trial: `hmlc retry` can find a better one.
    """
    runs = {run.trial_id: run for run in tracker.children(parent) if run.trial_id.startswith(REFIT)}
    first = runs.get(REFIT)
    trial_id = REFIT if first is None or first.tags.get(_REFIT_OF) == best.run_id else f"{REFIT}~{best.number}"
    run = runs.get(trial_id)
    return trial_id, run if run is not None and run.status == "FINISHED" else None


def refit_config(best: Checkpoint) -> TrialConfig:
    """The best trial's configuration, trained on all that is not test."""
    config = _with_choice(best.config, best)
    return config.model_copy(update={"data": config.data.model_copy(update={"train_on": "train+val"})})


def _with_choice(config: TrialConfig, checkpoint: Checkpoint) -> TrialConfig:
    evaluation = config.evaluation.model_copy(update={"chosen_regularisation": checkpoint.chosen_regularisation})
    return config.model_copy(update={"evaluation": evaluation})


def _folder(sweep: SweepConfig, home: Home) -> Path:
    return home.study(sweep.study.name) / ENCODER
