"""`hmlc train`."""

from __future__ import annotations

from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Address, File, Home, Overrides, TrackingUri


def train(
    file: File,
    override: Overrides = None,
    name: Annotated[str | None, typer.Option(help="Of the MLflow run; by default the file's.")] = None,
    address: Address = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N|MIN:MAX", help="Ray Train workers; needs --address. Default: 1.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Also judge the result on the test split.")] = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Train one configuration: a trial file, or the base of a search space.

    Runs in this process, or as a Ray Train run with --address.
    """
    from hmlc_ray.config.files import load_trial
    from hmlc_ray.config.levels import check_trial

    config = load_trial(file, override or ())
    check_trial(config)
    group = parse_workers(workers, address)
    # With train and validation joined there is nothing but the test split to judge on.
    test = test or config.data.train_on == "train+val"

    from hmlc_ray.cli.progress import run_progress
    from hmlc_ray.cli.tables import print_run
    from hmlc_ray.runs.plan import RunPlan
    from hmlc_ray.study.workspace import Workspace

    plan, workspace = RunPlan(config, name or file.stem, test), Workspace.of(home, tracking_uri, address)
    with run_progress() as progress:
        if address is None:
            from hmlc_ray.runs.single import train_run

            summary = train_run(plan, workspace, progress)
        else:
            from hmlc_ray.sweep.remote_run import train_on_ray

            summary = train_on_ray(plan, group, workspace, progress)
    print_run(summary, workspace)


def parse_workers(text: str | None, address: str | None) -> int | str:
    """The size of the worker group: N, or `min:max`.

    Raises:
        ConfigError: if it is neither, or there is no cluster for a group.
    """
    from hmlc_ray.config.load import parse_yaml
    from hmlc_ray.config.sweep import TrialsConfig
    from hmlc_ray.config.validate import validate
    from hmlc_ray.errors import ConfigError

    if text is None:
        return 1
    if address is None:
        raise ConfigError("--workers needs --address: without one a run trains in this process")
    workers = validate(TrialsConfig, {"workers": parse_yaml(text, "--workers")}, "--workers").workers
    if workers == 0:
        raise ConfigError("--workers must be at least 1, got 0")
    return workers
