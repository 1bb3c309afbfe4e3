"""More trials for a study: their number may grow, also after the study's end."""

from __future__ import annotations

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.names.counts import many
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import planned, used_up
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun


def with_trials(sweep: SweepConfig, tracker: Tracker, trials: int | None, workspace: Workspace) -> SweepConfig:
    """The sweep with the number of trials that is asked for, else with the number that it has got since it was saved.

    Raises:
        StudyError: if the study is complete and gets no more trials, or is to have fewer than it was to have before.
    """
    name = sweep.study.name
    parent = tracker.find_study(name)
    run = None if parent is None else tracker.run(parent)
    known = max(sweep.study.num_trials, planned(run) if run else 0)
    if trials is None:
        if run is not None and run.status == "FINISHED":
            tracker.send_again()
            raise _complete(name, run, workspace)
    else:
        _check_number(name, run, known, trials)
    return sweep.model_copy(update={"study": sweep.study.model_copy(update={"num_trials": trials or known})})


def extend(sweep: SweepConfig, tracker: Tracker) -> None:
    """Make a complete study an interrupted one, and note how many trials it is to have.

    A driver that dies in between leaves an interrupted study with its old number, whose resume ends it once more.
    """
    parent = tracker.find_study(sweep.study.name)
    if parent is not None:
        if tracker.run(parent).status == "FINISHED":
            tracker.finish(parent, "KILLED")
        tracker.set_tags(parent, {schema.NUM_TRIALS: sweep.study.num_trials})


def _complete(name: str, run: TrialRun, workspace: Workspace) -> StudyError:
    longer = f"{workspace.resume_command(name)} --trials {planned(run) + 1}"
    more = "" if used_up(run) else f", or give it more trials by `{longer}`"
    look = workspace.best_command(name)
    return StudyError(f"study {name!r} is complete, there is nothing to resume; see `{look}`{more}")


def _check_number(name: str, run: TrialRun | None, known: int, trials: int) -> None:
    drawn = used_up(run) if run else None
    if drawn is not None:
        what = "there is nothing left to try" if run is not None and run.status == "FINISHED" else "leave out --trials"
        raise StudyError(f"study {name!r} has drawn every point of its search space in {many(drawn, 'trial')}: {what}")
    least = known + 1 if run is not None and run.status == "FINISHED" else known
    if trials < least:
        has = "has" if least > known else "is to have"
        raise StudyError(
            f"study {name!r} {has} {many(known, 'trial')}: --trials must be at least {least}, got {trials}"
        )
