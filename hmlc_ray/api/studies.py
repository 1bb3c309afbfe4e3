"""Studies: `sweep`, `resume`, `retry`, `best`, `compare` and `status`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from hmlc_ray.api import calls
from hmlc_ray.api.calls import AnyPath, workspace_of
from hmlc_ray.api.results import name_of
from hmlc_ray.api.timing import timed
from hmlc_ray.api.views import sweep_view
from hmlc_ray.errors import StudyError

if TYPE_CHECKING:
    from hmlc_ray.api.results import Trained
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.config.plain import Source
    from hmlc_ray.study.comparison import Comparison
    from hmlc_ray.study.status import StudyOverview
    from hmlc_ray.study.summary import BestTrial, SweepProgress, SweepSummary

JOBS_VARIABLE = "RAY_API_SERVER_ADDRESS"


@timed
def sweep(
    space: Source,
    *,
    overrides: Overrides = (),
    profile: str | None = None,
    name: str | None = None,
    trials: int | None = None,
    address: str | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
    progress: bool | SweepProgress = False,
) -> SweepSummary:
    """Run a new study: draw trials from a search space, train each, rank them.

    >>> from hmlc_ray import sweep
    >>> space = {
    ...     "study": {"name": "digits-1", "num_trials": 2, "sampler": {"kind": "random"}},
    ...     "base": {"encoder": {"kind": "mlp", "feature_dim": 16}, "training": {"epochs": 1}},
    ...     "space": {"objective.temperature": {"float": [0.05, 0.5], "log": True}},
    ... }
    >>> sweep(space)
    SweepSummary('digits-1': 2 trials, 2 completed, best: trial ..., val/probe_top1/mean 0...)

    Args:
        space: a search space: a YAML file, its values, or a `SweepConfig`.
        overrides: laid over it: `{"training.epochs": 5}`, or texts as on the command line, `["training.epochs=5"]`.
        profile: an entry of its `profiles`, laid over it before the overrides.
        name: the study's name, instead of `study.name`.
        trials: the number of trials, instead of `study.num_trials`.
        address: the Ray cluster: None or `local` starts one for this call, `auto` is the one on this machine,
            `HOST:PORT` another. A Ray that this process has initialised is used, and stays connected.
        home: the home folder; by default `HMLC_HOME`, else `./hmlc-home`.
        tracking_uri: the MLflow store; by default `MLFLOW_TRACKING_URI`, else the home folder's.
        progress: True prints what `hmlc sweep` prints; or a view of your own.

    Raises:
        UserError: if the space, the data, the store or the cluster cannot be used, or the name is taken; before any
            trial starts.
        KeyboardInterrupt: on Ctrl-C, when everything is saved; `resume` continues the study.
    """
    from hmlc_ray.config.paths import parse_overrides
    from hmlc_ray.config.sweep import load_sweep

    pairs = parse_overrides(overrides)
    pairs += [] if name is None else [("study.name", name)]
    pairs += [] if trials is None else [("study.num_trials", trials)]
    workspace = workspace_of(home, tracking_uri, address)
    config = load_sweep(space, pairs, profile)
    with sweep_view(progress, config.study.name, config.study.objective_metric) as view:
        return calls.start(config, workspace, view)


@timed
def resume(
    name: str,
    *,
    trials: int | None = None,
    address: str | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
    progress: bool | SweepProgress = False,
) -> SweepSummary:
    """Resume a study that was interrupted or killed, or give one more trials.

    >>> from hmlc_ray import resume
    >>> len(resume("digits-1", trials=3).rows)
    3

    Args:
        name: the study's name.
        trials: the number of trials in all; a larger one extends a study, also one that is complete.
        address, home, tracking_uri, progress: see `sweep`.

    Raises:
        StudyError: if there is no such study, another process drives it, or it is complete and gets no more trials.
        UserError, KeyboardInterrupt: see `sweep`.
    """
    workspace = workspace_of(home, tracking_uri, address)
    check_trials(trials)
    with sweep_view(progress, name) as view:
        return calls.resume(name, workspace, view, trials)


def check_trials(trials: int | None) -> None:
    """Refuse a number of trials that no study can have, before anything else is done.

    Raises:
        StudyError: if it is less than 1.
    """
    if trials is not None and trials < 1:
        raise StudyError(f"--trials must be a number of at least 1, got {trials}")


@timed
def retry(
    name: str,
    *,
    address: str | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
    progress: bool | SweepProgress = False,
) -> SweepSummary:
    """Run a study's failed trials again, with the same numbers and MLflow runs, from their last checkpoints.

    >>> from hmlc_ray import errors, retry
    >>> try:
    ...     retry("digits-1")
    ... except errors.StudyError as error:
    ...     print(error)
    no trial of study 'digits-1' failed, there is nothing to run again

    Args:
        name: the study's name.
        address, home, tracking_uri, progress: see `sweep`.

    Raises:
        StudyError: if there is no such study, no trial of it failed, or another process drives it.
        UserError, KeyboardInterrupt: see `sweep`.
    """
    workspace = workspace_of(home, tracking_uri, address)
    with sweep_view(progress, name) as view:
        return calls.retry(name, workspace, view)


def best(
    name: str, *, emit_config: AnyPath | None = None, home: AnyPath | None = None, tracking_uri: str | None = None
) -> BestTrial:
    """The best completed trial of a study: what was searched, its configuration, its metrics.

    `train(best(name).config)` reproduces it: the same metrics on the same machine's CPU.

    >>> from hmlc_ray import best
    >>> winner = best("digits-1", emit_config="best.yaml")
    >>> print(winner.config.encoder.kind, winner.row.status)
    mlp completed

    Args:
        name: the study's name.
        emit_config: a file to write the configuration to, for `train` and `hmlc train`.
        home, tracking_uri: see `sweep`.

    Raises:
        StudyError: if there is no such study, or no trial of it is complete.
        ConfigError: if the file cannot be written.
    """
    winner = calls.best(name, workspace_of(home, tracking_uri))
    if emit_config is not None:
        from hmlc_ray.config.files import write_trial

        write_trial(emit_config, winner.config)
    return winner


def compare(runs: Sequence[Trained], *, home: AnyPath | None = None, tracking_uri: str | None = None) -> Comparison:
    """Runs side by side: the parameters in which they differ, and their metrics.

    >>> from hmlc_ray import compare
    >>> two = compare(["digits-1:0", "digits-1:1"])
    >>> [run.trial for run in two.runs], "val/probe_top1/mean" in two.metrics
    ([0, 1], True)

    Args:
        runs: two or more: ids of MLflow runs, `STUDY:TRIAL`, names of studies (their best trials, with the test metrics
            of their refits), or results of `train`, `sweep` and `best`.
        home, tracking_uri: see `sweep`.

    Raises:
        StudyError: if there are fewer than two, or one that the store does not have.
        TrackingError: if the store cannot be reached.
    """
    names = [str(name_of(run)) for run in runs]
    return calls.compare(names, workspace_of(home, tracking_uri))


@overload
def status(
    name: str, *, address: str | None = None, home: AnyPath | None = None, tracking_uri: str | None = None
) -> StudyOverview: ...


@overload
def status(
    name: None = None, *, address: str | None = None, home: AnyPath | None = None, tracking_uri: str | None = None
) -> list[StudyOverview]: ...


def status(
    name: str | None = None,
    *,
    address: str | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
) -> StudyOverview | list[StudyOverview]:
    """The status of a study, or of all: its trials, the best so far. Nothing is started or written.

    >>> from hmlc_ray import status
    >>> print(status("digits-1").state)
    complete
    >>> [study.study for study in status()]
    ['digits-1']

    Args:
        name: the study's name; None: every study of the store.
        address: the URL of a head's Jobs API, `http://HEAD:8265`, for the studies that were submitted there; by
            default `RAY_API_SERVER_ADDRESS`, else the store alone.
        home, tracking_uri: see `sweep`.

    Raises:
        StudyError: if there is no study of that name.
        TrackingError, ClusterError: if the store or the cluster cannot be reached.
    """
    jobs = address or os.environ.get(JOBS_VARIABLE) or None
    overviews = calls.statuses(name, workspace_of(home, tracking_uri), jobs)
    return overviews if name is None else overviews[0]
