"""Runs side by side: the parameters in which they differ, and their metrics. Read from MLflow alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hmlc_ray.config.dimensions import readable
from hmlc_ray.errors import StudyError
from hmlc_ray.study import schema
from hmlc_ray.study.named_runs import NamedRun, find_named, nearest_study
from hmlc_ray.study.schema import REFIT, RunKind
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun

_SHOWN_METRICS = ("val/", "test/")


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs."""

    name: str
    """As it was asked for."""
    run_id: str
    """Id of the MLflow run that was trained with these parameters."""
    trial: int | None
    """Number in its study; None for a single run or a refit."""
    refit: str | None
    """Id of the refit whose test metrics are shown, where there is one."""
    status: str
    epochs: int | None
    seconds: float | None
    """Wall time of the training; None where it was not recorded."""
    error: str | None


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; every tuple has a value per run, in their order."""

    runs: tuple[ComparedRun, ...]
    searched: tuple[str, ...]
    """Names in `parameters` that a study has searched."""
    parameters: dict[str, tuple[str | None, ...]]
    """Values that differ, by their paths, searched ones first; None where a run has no such parameter."""
    metrics: dict[str, tuple[float | None, ...]]
    """The last value of each metric of the validation and test splits."""

    def difference(self, name: str, run: int) -> float | None:
        """A run's metric less that of the first run; None where one of them lacks it."""
        first, other = self.metrics[name][0], self.metrics[name][run]
        return None if first is None or other is None else other - first


def compare_runs(names: Sequence[str], workspace: Workspace) -> Comparison:
    """Compare two runs or more.

    Args:
        names: ids of runs, `STUDY:TRIAL`, or names of studies: their best trials, with the test metrics of refits.

    Raises:
        StudyError: if there are fewer than two, the store has no such run, or it is that of a benchmark.
        TrackingError: if the store cannot be reached.
    """
    if len(names) < 2:
        raise StudyError(f"a comparison needs two runs or more, got {len(names)}")
    tracker = workspace.existing_tracker()
    if tracker is None:
        raise StudyError(f"there is no MLflow store in {workspace.store_place}, so there is nothing to compare")
    named = [_named(name, workspace, tracker) for name in names]
    runs = tuple(_compared(name, run) for name, run in zip(names, named, strict=True))
    searched = {key for run in named for key in _searched(run.trained)}
    parameters = _different([run.trained.params for run in named], searched)
    metrics = _side_by_side([_metrics(run) for run in named])
    return Comparison(runs, tuple(key for key in parameters if key in searched), parameters, metrics)


def _named(name: str, workspace: Workspace, tracker: Tracker) -> NamedRun:
    run = find_named(name, workspace.home, tracker)
    if run is None:
        raise StudyError(
            f"the MLflow store {tracker.uri} has neither a study nor a run {name!r}{nearest_study(name, tracker)}; "
            "allowed are the name of a study, STUDY:TRIAL, and the id of a run"
        )
    if run.trained.tags.get(schema.KIND) == RunKind.BENCHMARK:
        raise StudyError(f"{name!r} is the run of a benchmark, which trains nothing itself: compare runs below it")
    return run


def _compared(name: str, named: NamedRun) -> ComparedRun:
    run, tags = named.trained, named.trained.tags
    is_trial = run.trial_id.isdecimal()
    refit = named.result if named.result.trial_id.startswith(REFIT) else None
    return ComparedRun(
        name=name,
        run_id=run.run_id,
        trial=int(run.trial_id) if is_trial else None,
        refit=None if refit is None else refit.run_id,
        status=run.trial_status,
        epochs=int(tags[schema.EPOCHS]) if schema.EPOCHS in tags else None,
        seconds=float(tags[schema.SECONDS]) if schema.SECONDS in tags else None,
        error=tags.get(schema.ERROR),
    )


def _searched(run: TrialRun) -> set[str]:
    """Paths that the run's study searched: a simplex by its own name, a listed point not at all."""
    return set(readable(json.loads(run.tags.get(schema.SEARCHED, "{}"))))


def _different(params: Sequence[dict[str, str]], searched: set[str]) -> dict[str, tuple[str | None, ...]]:
    names = sorted({name for own in params for name in own}, key=lambda name: (name not in searched, name))
    rows = {name: tuple(own.get(name) for own in params) for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _metrics(named: NamedRun) -> dict[str, float]:
    own = {name: value for name, value in named.trained.metrics.items() if name.startswith(_SHOWN_METRICS)}
    return own | {name: value for name, value in named.result.metrics.items() if name.startswith("test/")}


def _side_by_side(metrics: Sequence[dict[str, float]]) -> dict[str, tuple[float | None, ...]]:
    names = {name: None for own in metrics for name in own}
    ordered = [name for split in _SHOWN_METRICS for name in names if name.startswith(split)]
    return {name: tuple(own.get(name) for own in metrics) for name in ordered}
