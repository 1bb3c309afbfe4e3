"""A study by its name: from the home folder or, on a machine without it, from the store alone."""

from __future__ import annotations

from hmlc_ray.config.load import load_yaml
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.study import schema
from hmlc_ray.study.folder import is_saved, load_study, unknown_study
from hmlc_ray.study.schema import SWEEP_ARTIFACT, RunKind
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.tracking.drivers import life


def find_sweep(name: str, home: Home, tracker: Tracker | None) -> SweepConfig:
    """The sweep as it was started.

    Raises:
        StudyError: if neither the home folder nor the store has a study of that name.
    """
    if tracker is None or is_saved(name, home):
        return load_study(name, home)
    with scratch_folder("fetched") as folder:
        file = tracker.download(find_run(name, tracker), SWEEP_ARTIFACT, folder)
        return validate(SweepConfig, load_yaml(file), f"{SWEEP_ARTIFACT} of study {name!r}")


def refuse_deleted(name: str, tracker: Tracker) -> None:
    """Make sure that the run of a study was not deleted, for example in MLflow's interface.

    Raises:
        StudyError: if it was, with the command that restores it.
    """
    if tracker.find_study(name) is None and (run_id := tracker.deleted_study(name)) is not None:
        raise StudyError(
            f"the run of study {name!r} was deleted in MLflow, and with it what its trials belong to: restore it with "
            f"`{tracker.restore_command(run_id)}`, and in the same way the runs of its trials that were deleted too; "
            "nothing was changed"
        )


def named_run(name: str, tracker: Tracker) -> tuple[TrialRun | None, str | None]:
    """The run of the study or the benchmark of a name, and a note where both have it.

    Of the two it is the one that runs, else the study.
    """
    known = {RunKind.STUDY: tracker.studies(), RunKind.BENCHMARK: tracker.benchmarks()}
    found = {kind: run for kind, runs in known.items() for run in runs if run.tags.get(schema.STUDY) == name}
    if not found:
        return None, None
    running = [kind for kind, run in found.items() if run.is_open and life(run.tags) != "dead"]
    chosen, *others = sorted(found, key=lambda kind: kind not in running)  # it is stable: the study first
    note = f"this is the {chosen} {name}; there is a {others[0]} of that name too" if others else None
    return found[chosen], note


def find_run(name: str, tracker: Tracker) -> str:
    """The id of a study's run.

    Raises:
        StudyError: if the store has none, with the nearest name it has.
    """
    known = {run.tags[schema.STUDY]: run.run_id for run in tracker.studies()}
    if name not in known:
        refuse_deleted(name, tracker)
        remedy = ": another store is named by --tracking-uri or --home"
        raise unknown_study(name, f"the MLflow store {tracker.uri}", known, remedy)
    return known[name]
