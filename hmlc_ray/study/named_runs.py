"""A run by what a user calls it: its id, `STUDY:TRIAL`, or the name of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hmlc_ray.errors import StoreAway, StudyError, TrackingError
from hmlc_ray.home import Home
from hmlc_ray.names.nearest import nearest
from hmlc_ray.names.studies import PATTERN
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import best_of, rows_of, trial_runs
from hmlc_ray.study.lookup import find_sweep, refuse_deleted
from hmlc_ray.study.schema import RunKind
from hmlc_ray.tracking import Tracker, TrialRun

_TRIAL = re.compile(rf"(?P<study>{PATTERN.strip('^$')}):(?P<trial>refit|\d{{1,9}})")


@dataclass(frozen=True)
class NamedRun:
    """A run that was asked for."""

    trained: TrialRun
    """The run: a trial, a refit or a single run; for a study its best trial, so far or at its end."""
    result: TrialRun
    """The run whose encoder is meant: for a study its refit, where it has one; else the same."""
    study: str | None = None
    """The study's name, where it was named."""


def find_named(source: str, home: Home, tracker: Tracker) -> NamedRun | None:
    """The run of that name; None where the store has none.

    Raises:
        StudyError: if no trial of the study is complete, it has no such trial, or its run was deleted.
        TrackingError: if the store cannot be reached.
    """
    studies = _by_name(tracker)
    if source in studies:
        return _result_of(studies[source], home, tracker)
    if run := _trial_in(source, studies, tracker):
        return NamedRun(run, run, source.rpartition(":")[0])
    try:
        run = tracker.run(source)
    except StoreAway:
        raise
    except TrackingError:
        if re.fullmatch(PATTERN, source):
            refuse_deleted(source, tracker)
        return None
    if schema.STUDY in run.tags and not run.trial_id and run.tags.get(schema.KIND) != RunKind.BENCHMARK:
        return _result_of(run, home, tracker)
    return NamedRun(run, run)


def find_trial(source: str, tracker: Tracker) -> TrialRun | None:
    """The run of `STUDY:TRIAL` or `STUDY:refit`; None for other names, or where the store does not have the study.

    Raises:
        StudyError: if the study has no such trial, or its run was deleted.
        TrackingError: if the store cannot be reached.
    """
    return _trial_in(source, _by_name(tracker), tracker) if _TRIAL.fullmatch(source) else None


def nearest_study(source: str, tracker: Tracker) -> str:
    """A hint at the study that a wrong name may mean; empty where none is near."""
    return nearest(source.partition(":")[0], [run.tags[schema.STUDY] for run in tracker.studies()])


def _by_name(tracker: Tracker) -> dict[str, TrialRun]:
    return {run.tags[schema.STUDY]: run for run in tracker.studies()}


def _trial_in(source: str, studies: Mapping[str, TrialRun], tracker: Tracker) -> TrialRun | None:
    match = _TRIAL.fullmatch(source)
    if match is None:
        return None
    if match["study"] not in studies:
        refuse_deleted(match["study"], tracker)
        return None
    return _trial(studies[match["study"]], match["trial"], tracker)


def _result_of(study: TrialRun, home: Home, tracker: Tracker) -> NamedRun:
    """What was noted at the study's end: its best trial and the run of its encoder; else the best trial so far."""
    name, tags = study.tags[schema.STUDY], study.tags
    if schema.ENCODER_RUN in tags:
        result = tracker.run(tags[schema.ENCODER_RUN])
        best = tags.get(schema.BEST_RUN, result.run_id)
        return NamedRun(result if best == result.run_id else tracker.run(best), result, name)
    config = find_sweep(name, home, tracker).study
    row = best_of(name, rows_of(trial_runs(tracker, study.run_id), config), config)
    run = tracker.run(row.run_id)
    return NamedRun(run, run, name)


def _trial(study: TrialRun, trial: str, tracker: Tracker) -> TrialRun:
    runs = {run.trial_id: run for run in tracker.children(study.run_id)}
    wanted = str(int(trial)) if trial.isdecimal() else trial
    if wanted not in runs:
        numbers = sorted(int(number) for number in runs if number.isdecimal())
        known = f"its trials are {numbers[0]} to {numbers[-1]}" if numbers else "it has not started a trial yet"
        raise StudyError(f"study {study.tags[schema.STUDY]!r} has no trial {trial}; {known}")
    return runs[wanted]
