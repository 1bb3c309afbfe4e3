"""Suites: `benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.api import calls
from hmlc_ray.api.calls import AnyPath, workspace_of
from hmlc_ray.api.views import sweep_view

if TYPE_CHECKING:
    from hmlc_ray.benchmark.run import BenchmarkResult
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.config.plain import Source
    from hmlc_ray.study.summary import SweepProgress


def benchmark(
    suite: Source,
    *,
    overrides: Overrides = (),
    results: AnyPath | None = None,
    out: AnyPath | None = None,
    replace_changed: bool = False,
    address: str | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
    progress: bool | SweepProgress = False,
) -> BenchmarkResult:
    """Compare the arms of a suite: tune every arm alike, train every seed, judge each run once on test.

    What has results already does not run again, so the same call resumes a suite that was interrupted.

    >>> from hmlc_ray import benchmark, errors
    >>> arms = {"supcon": {"objective": {"kind": "supcon"}}, "hmce": {"objective": {"kind": "hmce"}}}
    >>> rules = {"name": "two", "baseline": "simclr", "seeds": [0, 1], "tuning": {"trials": 2}}
    >>> space = {"optimiser.learning_rate": {"float": [0.001, 0.01], "log": True}}
    >>> suite = {"benchmark": rules, "space": space, "data": {"digits": {}}, "arms": arms}
    >>> try:
    ...     benchmark(suite)
    ... except errors.ConfigError as error:
    ...     print(error)
    configuration: benchmark.baseline is 'simclr'...

    Args:
        suite: a suite: a YAML file or its values.
        overrides: laid over it: `{"training.epochs": 5}`, or texts as on the command line, `["training.epochs=5"]`.
        results: the results file; by default one in the home folder.
        out: the folder for tables and pictures; by default one in the home folder.
        replace_changed: run again what has results that do not fit the suite any more.
        address, home, tracking_uri, progress: see `sweep`.

    Raises:
        UserError: if suite, data, store or cluster cannot be used, another process runs the suite, or results do not
            fit it any more; before anything is trained where that shows.
        KeyboardInterrupt: on Ctrl-C, when everything is saved; the same call continues the suite.
    """
    from hmlc_ray.benchmark.request import BenchmarkRequest
    from hmlc_ray.config.suite_check import load_suite

    config = load_suite(suite, overrides)
    workspace, again = workspace_of(home, tracking_uri, address), "hmlc_ray.benchmark(...)"
    request = BenchmarkRequest(config, workspace, _path(results), _path(out), replace_changed, again)
    with sweep_view(progress, config.benchmark.name, config.benchmark.objective_metric) as view:
        return calls.benchmark(request, view)


def _path(given: AnyPath | None) -> Path | None:
    return None if given is None else Path(given)
