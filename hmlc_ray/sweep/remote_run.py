"""`hmlc train --address`: one configuration as one Ray Train run on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray

from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.paths import flatten
from hmlc_ray.config.sweep import Resources, TrialsConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.notes import warn_about
from hmlc_ray.errors import ConfigError
from hmlc_ray.machine.activity import reading_data
from hmlc_ray.machine.interrupts import hearing
from hmlc_ray.runs.induction import with_tree
from hmlc_ray.runs.plan import RunPlan
from hmlc_ray.runs.recording import Lenient, log_taxonomy, recorded, run_tags
from hmlc_ray.study.schema import ENCODER, TAXONOMY_DIGEST
from hmlc_ray.study.storage import Results
from hmlc_ray.study.summary import RunProgress, RunSummary
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.cluster.capacity import nodes_of
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.demand import require, worker_demand
from hmlc_ray.sweep.cluster.signals import stoppable
from hmlc_ray.sweep.prepare import device_here, located_trial
from hmlc_ray.sweep.train.group import train_group
from hmlc_ray.sweep.train.trial import Group
from hmlc_ray.training.fit import cached_data


def train_on_ray(plan: RunPlan, workers: int | str, workspace: Workspace, progress: RunProgress) -> RunSummary:
    """Train one configuration on a Ray cluster's worker group, as one MLflow run.

    Args:
        workers: N, or `min:max` for an elastic group.

    Raises:
        UserError: if configuration, data, store or cluster are wrong; before anything is trained where that shows.
        TrainingError: if training itself fails.
    """
    home = workspace.home
    device = device_here(plan.config, gpus=1)  # those of the cluster are not known yet
    config = located_trial(with_tree(plan.config, workspace, progress.note, device=device))
    with home.current(), reading_data(progress.note):
        data = cached_data(config.data)
    warn_about(data)
    tracker, results = workspace.open_tracker(), Results.of(None, home)
    tracker.check_artifacts()
    with (
        hearing(progress.note, workspace.reap_sentence),
        home.current(),
        connected(workspace.address),
        stoppable(),
    ):
        trials = _trials(config, workers)
        require(worker_demand(trials), trials.worker_range[0], nodes_of(trials), "the run")
        own = run_tags(config, data.fingerprint) | {TAXONOMY_DIGEST: data.taxonomy.digest}
        experiment = data_name(config.data)
        run_id = tracker.single_run(plan.name, params=flatten(config), tags=own, experiment=experiment)
        export, lenient = home.run(run_id) / ENCODER, Lenient()

        def on_result(result: dict[str, Any]) -> None:
            lenient(lambda: tracker.log(run_id, [(entry["epoch"], entry["metrics"]) for entry in result["history"]]))
            progress.epoch(result["epoch"], result["total_epochs"], result["history"][-1]["metrics"])

        with recorded(tracker, run_id):
            tracker.check_artifacts(run_id)
            lenient(lambda: log_taxonomy(tracker, run_id, config.data, data.taxonomy))
            group = Group(trials, run_id, results.uri)
            trained = train_group(config, group, test=plan.test, on_result=on_result)
            with results.fetched(trained.checkpoint) as folder:
                checkpoint = lenient.log_result(tracker, run_id, folder, export, progress.note)
    return RunSummary(
        run_id=run_id,
        metrics=checkpoint.metrics,
        level_names=data.taxonomy.level_names,
        checkpoint_dir=Path(trained.checkpoint) if results.is_local else None,
        export_dir=export,
        epochs=config.training.epochs,
    )


def _trials(config: TrialConfig, workers: int | str) -> TrialsConfig:
    there = ray.cluster_resources().get("GPU", 0) > 0
    if config.training.device == "cuda" and not there:
        raise ConfigError("training.device is `cuda`, but the Ray cluster has no GPU; use `auto` or `cpu`")
    gpus = 1.0 if config.training.device != "cpu" and there else 0.0
    return TrialsConfig(workers=workers, resources=Resources(cpus=config.training.cpu_threads or 1, gpus=gpus))
