"""`hmlc benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Address, Home, Json, Overrides, TrackingUri, written

if TYPE_CHECKING:
    from hmlc_ray.benchmark.request import BenchmarkRequest
    from hmlc_ray.benchmark.run import BenchmarkResult


def benchmark(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="A YAML file, or a suite of the package.", show_default=False)
    ],
    results: Annotated[
        Path | None, written("FILE", "Results as JSON lines; a suite resumes from them anywhere.")
    ] = None,
    out: Annotated[
        Path | None, written("DIR", "Folder for tables and pictures; by default in the home folder.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what is left and what it costs; run nothing else.")
    ] = False,
    replace_changed: Annotated[
        bool, typer.Option("--replace-changed", help="Run again what does not fit the suite any more.")
    ] = False,
    override: Overrides = None,
    as_json: Json = False,
    address: Address = None,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Compare objectives: tune every arm alike, train every seed, judge once on test."""
    from hmlc_ray.config.suite_check import load_suite

    config = load_suite(suite, override or ())

    from rich.console import Console

    from hmlc_ray.api import calls
    from hmlc_ray.api.progress import sweep_progress
    from hmlc_ray.benchmark.request import BenchmarkRequest
    from hmlc_ray.cli.json_output import print_json
    from hmlc_ray.study.commands import command
    from hmlc_ray.study.workspace import Workspace

    workspace = Workspace.of(home, tracking_uri, address)
    again = command("benchmark", suite, results=results, out=out, o=override, **workspace.options_with_cluster())
    request = BenchmarkRequest(config, workspace, results, out, replace_changed, again)
    console = Console(stderr=True, emoji=False) if as_json else None
    with sweep_progress(config.benchmark.name, config.benchmark.objective_metric, console) as progress:
        # What is imported within it loads torch and Ray, which takes seconds.
        if plan:
            from hmlc_ray.benchmark.plan import plan as made_plan
            from hmlc_ray.benchmark.run import Benchmark
            from hmlc_ray.cli.benchmark_tables import print_plan

            made = made_plan(Benchmark(request, progress))
            print_json(made) if as_json else print_plan(made)
            return
        result = calls.benchmark(request, progress)
    from hmlc_ray.cli.benchmark_tables import print_comparison

    if as_json:
        print_json({"results": request.results_file, **vars(result)})
    else:
        print_comparison(result.rows, config.benchmark.baseline)
        typer.echo(f"results: {request.results_file}; tables and pictures: {result.report}; run: {result.run_id}")
    _tell_failures(result, request)


def _tell_failures(result: BenchmarkResult, request: BenchmarkRequest) -> None:
    """Say what has no result and what helps, and end the command as failed where there is such."""
    from hmlc_ray.cli.guard import FAILURE, say

    for name, why in result.failed.items():
        say(f"{name} failed: {why}")
    if result.failed:
        say(f"what failed runs again with `{request.again}`")
    for arm, why in result.untuned.items():
        say(
            f"arm {arm} was not judged, since all of its tuning trials failed ({why}); they do not run again by "
            f"themselves: correct the arm and add --replace-changed, or delete their lines in {request.results_file}"
        )
    if result.failed or result.untuned:
        raise typer.Exit(FAILURE)
