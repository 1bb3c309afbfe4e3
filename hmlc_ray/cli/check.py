"""`hmlc check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hmlc_ray.cli.options import File, Overrides, Profile

if TYPE_CHECKING:
    from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
    from hmlc_ray.config.trial import TrialConfig


def check(file: File, override: Overrides = None, profile: Profile = None) -> None:
    """Check a trial file or a search space, without starting anything."""
    from hmlc_ray.config.files import is_search_space, load_trial
    from hmlc_ray.config.load import load_yaml

    if is_search_space(load_yaml(file)):
        from hmlc_ray.config.sweep import load_sweep

        sweep = load_sweep(file, override or (), profile)
        lines = sweep_lines(sweep) + found_lines(sweep.base_trial())
        what = "search space"
    else:
        from hmlc_ray.config.levels import check_trial
        from hmlc_ray.errors import ConfigError

        if profile is not None:
            raise ConfigError(f"{file} is a trial, and only a search space has profiles")
        config = load_trial(file, override or ())
        check_trial(config)
        lines, what = trial_lines(config) + found_lines(config), "trial"
    typer.echo(f"{file}: a valid {what}")
    for line in lines:
        typer.echo(f"  {line}")


def trial_lines(config: TrialConfig) -> list[str]:
    """What a trial trains, in a few lines."""
    training, optimiser = config.training, config.optimiser
    return [
        f"data: {config.data.kind}{data_note(config)}",
        f"encoder: {config.encoder.kind}, embedding of {config.head.embedding_dim} dimensions",
        f"objective: {config.objective.kind}",
        f"training: {training.epochs} epochs of batches of {training.global_batch_size}, {optimiser.kind} at "
        f"{optimiser.learning_rate:g}, seed {config.seed}",
    ]


def sweep_lines(sweep: SweepConfig) -> list[str]:
    """What a sweep searches, in a few lines and one for each dimension."""
    from hmlc_ray.config.finite import size_of

    study, space = sweep.study, sweep.search_space()
    stops = "no early stopping" if study.scheduler is None else study.scheduler.kind
    lines = [
        f"study: {study.name}, {study.num_trials} trials, {study.mode} of {study.objective_metric}, "
        f"{study.sampler.kind}, {stops}",
        f"data: {sweep.base_trial().data.kind}{data_note(sweep.base_trial())}",
    ]
    if sweep.trials.resources.gpus:
        lines.append(f"each trial needs: {_needs(sweep.trials)}")
    lines += [f"{section}.kind: {', '.join(branch)}" for section, branch in space.branches.items()]
    shown = {name: str(d) for chosen in space.assignments() for name, _, d in space.dimensions(chosen)}
    lines += [f"{name}: {words}" for name, words in shown.items()]
    points = size_of(space)
    if points is not None and points < study.num_trials:
        lines.append(
            f"note: the space has {points} points and each is drawn once, so the study ends after {points} trials"
        )
    return lines


def found_lines(config: TrialConfig) -> list[str]:
    """What a folder or a manifest holds, where it is on this machine: no sample of it is opened.

    Raises:
        DataError, TaxonomyError: if it cannot be used; see `folder_tree` and `read_manifest`.
    """
    from hmlc_ray.config.data import ManifestConfig
    from hmlc_ray.config.levels import folder_tree
    from hmlc_ray.config.splits import FoldersSection
    from hmlc_ray.folders.manifest import check_several, read_manifest
    from hmlc_ray.folders.walk import is_file, is_folder

    data = config.data
    if isinstance(data, FoldersSection) and is_folder(Path(data.root).expanduser()):
        tree = folder_tree(data)
        counts = {name: sum(map(len, files)) for name, files in tree.files.items()}
        notes = [*tree.notes, *tree.lacks()]
        return _found(tree.leaf_paths, data.level_names or tree.level_names, counts, notes)
    if isinstance(data, ManifestConfig) and is_file(Path(data.file).expanduser()):
        manifest = read_manifest(data.file, data.root)
        check_several(manifest, data.file)
        counts = {name: len(samples) for name, samples in manifest.samples.items()}
        return _found(manifest.leaf_paths, manifest.level_names, counts, manifest.lacks())
    return []


def _found(
    leaves: Sequence[Sequence[str]], levels: Sequence[str], counts: Mapping[str, int], notes: Sequence[str]
) -> list[str]:
    from hmlc_ray.folders.notes import of_one_class

    notes = [*notes, *of_one_class(levels, map(set, zip(*leaves, strict=True)))]
    splits = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return [f"found: {len(leaves)} leaves, levels {', '.join(levels)}; files: {splits}", *(f"note: {n}" for n in notes)]


def _needs(trials: TrialsConfig) -> str:
    need = trials.resources
    each = f"{need.gpus:g} GPU and {need.cpus:g} CPUs"
    return each if trials.workers == 0 else f"{trials.workers} workers of {each}"


def data_note(config: TrialConfig) -> str:
    """Whether this machine has the data; where trials run elsewhere, it need not."""
    from hmlc_ray.folders.walk import is_folder

    root = getattr(config.data, "root", None)
    if root is None or is_folder(Path(root).expanduser()):
        return "" if root is None else f" in {root}"
    return f" in {root}, which is no folder on this machine"
