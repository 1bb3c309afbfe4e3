"""A study whose best trial was trained, in this process and for seconds; the other trials never ran."""

from __future__ import annotations

from pathlib import Path

from made_study import SPACE, made

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.paths import flatten
from hmlc_ray.data import load_data
from hmlc_ray.home import Home
from hmlc_ray.runs.recording import log_checkpoint
from hmlc_ray.study import schema
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint import save_checkpoint
from hmlc_ray.training.fit import fit

TRIAL = {
    "data": {"kind": "digits"},
    "encoder": {"kind": "mlp", "hidden_dim": 32, "feature_dim": 16},
    "head": {"hidden_dim": 16, "embedding_dim": 16},
    "objective": {"kind": "g-hmlc", "warmup_epochs": 1, "mixture_components": 3},
    "training": {"epochs": 4},
    "evaluation": {"every": 1, "probe_regularisation": [0.1]},
}
BEST, TRIALS = 4, 9


def trained_study(root: Path) -> Workspace:
    """A complete study `made` on the digits, in a home folder."""
    workspace = Workspace(Home.of(root))
    tracker, config = workspace.open_tracker(), load_trial(TRIAL)
    study = made(tracker, root, taxonomy=load_data(config.data).taxonomy, space=SPACE)
    records = []
    result = fit(config, lambda record, snapshot: records.append(record))
    for number in range(TRIALS):
        if number != BEST:
            study.trial(number, "completed" if number % 4 == 0 else "pruned", 0.5 + number / 50)
    run_id = study.trial(BEST, "running", params=flatten(config))
    tracker.log(run_id, [(record.epoch, record.metrics) for record in records])
    save_checkpoint(root / "trained", result.checkpoint)
    log_checkpoint(tracker, run_id, root / "trained")
    value = result.metrics["val/probe_top1/mean"]
    outcome = {schema.STATUS: "completed", schema.VALUE: repr(value), schema.EPOCHS: 4, schema.SECONDS: "2.000"}
    tracker.finish(run_id, "FINISHED", outcome)
    tracker.set_tags(study.run_id, {schema.BEST_TRIAL: BEST, schema.BEST_RUN: run_id, schema.ENCODER_RUN: run_id})
    tracker.finish(study.run_id, "FINISHED")
    return workspace
