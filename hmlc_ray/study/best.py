"""The best trial with what its run logged."""

from __future__ import annotations

from hmlc_ray.config.moved import followed
from hmlc_ray.errors import StudyError
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.study.leaderboard import best_of, rows_of, trial_runs
from hmlc_ray.study.lookup import find_run, find_sweep
from hmlc_ray.study.schema import CHECKPOINT
from hmlc_ray.study.summary import BestTrial
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint_files import CONFIG_FILE, META_FILE, read_summary


def best_trial(name: str, workspace: Workspace) -> BestTrial:
    """The best completed trial of a study, with its configuration.

    Raises:
        StudyError: if there is no such study, or no trial of it is complete.
    """
    tracker = workspace.existing_tracker()
    if tracker is None and workspace.names_store:
        raise StudyError(f"there is no MLflow store in {workspace.store_place}, so no trial of {name!r} is there")
    study = find_sweep(name, workspace.home, tracker).study
    if tracker is None:
        raise StudyError(f"study {name!r} has not started a trial yet")
    row = best_of(name, rows_of(trial_runs(tracker, find_run(name, tracker)), study), study)
    with scratch_folder("fetched") as scratch:
        for file in (META_FILE, CONFIG_FILE):
            folder = tracker.download(row.run_id, f"{CHECKPOINT}/{file}", scratch).parent
        config, metrics = read_summary(folder)
    return BestTrial(row=row, config=followed(config, workspace.home), metrics=metrics)
