"""`hmlc check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hmlc_ray.cli.json_output import print_json
from hmlc_ray.cli.options import File, Json, Overrides, Profile
from hmlc_ray.names.counts import many

if TYPE_CHECKING:
    from hmlc_ray.api.checking import FoundData
    from hmlc_ray.config.data import DataConfig
    from hmlc_ray.config.suite import SuiteConfig
    from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
    from hmlc_ray.config.trial import TrialConfig


def check(file: File, override: Overrides = None, profile: Profile = None, as_json: Json = False) -> None:
    """Check a trial file, a search space or a suite, without starting anything."""
    from hmlc_ray.config.load import is_suite
    from hmlc_ray.config.plain import values_of
    from hmlc_ray.config.trial import TrialConfig

    if is_suite(values_of(file)[0]):
        suite = _suite(file, override, profile)
        if as_json:
            print_json({"file": file, "kind": "suite", "config": suite.model_dump(mode="json")})
        else:
            _print(file, "suite", _suite_lines(suite))
        return
    from hmlc_ray.api.checking import check as check_source
    from hmlc_ray.cli.activity import activity

    with activity("checking"):
        checked = check_source(file, overrides=override or (), profile=profile)
    config = checked.config
    if as_json:
        kind = "trial" if isinstance(config, TrialConfig) else "search space"
        facts = {"config": config.model_dump(mode="json"), "data": checked.found}
        print_json({"file": file, "kind": kind, **facts, "tree": _tree_lines(checked.trial.data)})
        return
    if isinstance(config, TrialConfig):
        lines, what = trial_lines(config), "trial"
    else:
        lines, what = sweep_lines(config), "search space"
    _print(file, what, [*lines, *data_lines(checked.found), *_tree_lines(checked.trial.data)])


def _tree_lines(data: DataConfig) -> list[str]:
    if data.keep_levels is None and (data.taxonomy is None or isinstance(data.taxonomy, str)):
        return []  # what reads trees is not loaded in vain
    from hmlc_ray.cli.check_tree import tree_lines

    return tree_lines(data)


def _print(file: str, what: str, lines: list[str]) -> None:
    typer.echo(f"{file}: a valid {what}")
    for line in lines:
        typer.echo(f"  {line}")


def _suite(file: str, override: Overrides, profile: Profile) -> SuiteConfig:
    from hmlc_ray.config.suite_check import load_suite
    from hmlc_ray.errors import ConfigError

    if profile is not None:
        raise ConfigError(f"{file} is a suite, and only a search space has profiles")
    return load_suite(file, override or ())


def _suite_lines(suite: SuiteConfig) -> list[str]:
    """What a suite compares, in a few lines."""
    benchmark, runs = suite.benchmark, len(suite.arms) * len(suite.data)
    tuning = runs * benchmark.tuning.trials
    lines = [f"benchmark: {benchmark.name}, {many(len(suite.arms), 'arm')} against {benchmark.baseline}"]
    for name in suite.data:
        config = suite.config(name, benchmark.baseline)
        lines.append(f"data {name}: {config.data.kind}{data_note(config)}, {many(config.training.epochs, 'epoch')}")
    seeds = len(benchmark.seeds)
    return [
        *lines,
        f"runs: {tuning} to tune, {benchmark.tuning.trials} for each arm, then {many(seeds, 'seed')}, {runs * seeds}",
    ]


def trial_lines(config: TrialConfig) -> list[str]:
    """What a trial trains, in a few lines."""
    training, optimiser = config.training, config.optimiser
    return [
        f"data: {config.data.kind}{data_note(config)}",
        f"encoder: {config.encoder.kind}, {_embedding(config)}",
        f"objective: {config.objective.kind}",
        f"training: {many(training.epochs, 'epoch')} of batches of {training.global_batch_size}, {optimiser.kind} at "
        f"{optimiser.learning_rate:g}, seed {config.seed}",
    ]


def _embedding(config: TrialConfig) -> str:
    what = "its features as the embedding" if config.head.kind == "identity" else "embedding"
    return what if config.embedding_dim is None else f"{what} of {many(config.embedding_dim, 'dimension')}"


def sweep_lines(sweep: SweepConfig) -> list[str]:
    """What a sweep searches, in a few lines and one for each dimension."""
    from hmlc_ray.config.finite import size_of

    study, space = sweep.study, sweep.search_space()
    first = space.first()
    stops = "no early stopping" if study.scheduler is None else study.scheduler.kind
    lines = [
        f"study: {study.name}, {many(study.num_trials, 'trial')}, {study.mode} of {study.objective_metric}, "
        f"{study.sampler.kind}, {stops}",
        f"data: {first.data.kind}{data_note(first)}",
    ]
    if sweep.trials.resources.gpus:
        lines.append(f"each trial needs: {_needs(sweep.trials)}")
    lines += [f"{section}.kind: {', '.join(branch)}" for section, branch in space.branches.items()]
    shown = {name: str(d) for chosen in space.assignments() for name, _, d in space.dimensions(chosen)}
    lines += [f"{name}: {words}" for name, words in shown.items()]
    points = size_of(space)
    if points is not None and points < study.num_trials:
        lines.append(
            f"note: the space has {many(points, 'point')} and each is drawn once, so the study ends "
            f"after {many(points, 'trial')}"
        )
    return lines


def data_lines(facts: FoundData | None) -> list[str]:
    """What a folder, a manifest or labels hold."""
    if facts is None:
        return []
    files = ", ".join(f"{count:,} {name}" for name, count in facts.files.items())
    levels = ", ".join(facts.level_names)
    notes = [f"note: {note}" for note in facts.notes]
    return [f"found: {many(facts.num_leaves, 'leaf', 'leaves')}, levels {levels}; {facts.unit}: {files}", *notes]


def _needs(trials: TrialsConfig) -> str:
    need = trials.resources
    each = f"{need.gpus:g} GPU and {need.cpus:g} CPUs"
    if trials.workers == 0:
        return each
    workers = many(trials.workers, "worker") if isinstance(trials.workers, int) else f"{trials.workers} workers"
    return f"{workers} of {each}"


def data_note(config: TrialConfig) -> str:
    """Whether this machine has the data; where trials run elsewhere, it need not."""
    root = getattr(config.data, "root", None)
    if root is None:
        return ""
    from hmlc_ray.folders.walk import is_folder

    if is_folder(Path(root).expanduser()):
        return f" in {root}"
    return f" in {root}, which is not a folder on this machine"
