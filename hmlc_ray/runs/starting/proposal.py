"""From a folder to a search space that can be run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hmlc_ray.config.data import DataConfig, HfDatasetConfig
from hmlc_ray.config.found import FoundLeaves, find_leaves
from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.splits import FoldersSection
from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.data import load_data
from hmlc_ray.data.embedded import EmbeddedImage, ImageColumn, ImageSource
from hmlc_ray.data.report import splits_of
from hmlc_ray.errors import ConfigError, DataError, TrainingError, system_reason
from hmlc_ray.folders.notes import SKIPPING
from hmlc_ray.machine.cpus import usable_cpus
from hmlc_ray.names.counts import many
from hmlc_ray.runs.starting.location import Location
from hmlc_ray.runs.starting.measure import MOST_READ, Speed, measure, part_of
from hmlc_ray.runs.starting.pictures import look_at
from hmlc_ray.runs.starting.settings import Facts, Settings, choose, with_data
from hmlc_ray.runs.starting.text import TRIALS, lacking, space_text
from hmlc_ray.study.workspace import Workspace

Note = Callable[[str], None]
_SKIP = {"on_bad_file": "skip"}
_BUSY = 0.5
"""CPU cores in use by other programs from which on the estimate names them."""


@dataclass(frozen=True)
class NewSpace:
    """A search space that was written."""

    file: Path
    study: str
    """Name of the study in it."""
    level_names: tuple[str, ...]
    classes: tuple[int, ...]
    """Number of classes of each level."""
    samples: dict[str, int]
    """Number of samples, by split that is given; `train` alone where none is."""
    imbalance: dict[str, float]
    """Largest class of a level by its smallest, in train."""
    device: str
    """`cuda` or `cpu`."""
    trial_seconds: float | None
    """Estimate for a trial that nothing stops early; None where it was not measured."""
    study_seconds: float | None
    """Estimate for all trials, likewise."""
    notes: tuple[str, ...]
    """What the file's head says, a sentence each."""


def write_new_space(location: Location, workspace: Workspace, note: Note, *, measured: bool = True) -> NewSpace:
    """Look at a folder or file of samples and write a search space for it.

    Args:
        note: called with a sentence before what takes its time.
        measured: whether a short epoch is trained for an estimate of the time.

    Raises:
        DataError, TaxonomyError: if the data cannot be trained on, naming the file or class and the remedy.
        ConfigError: if the file cannot be written, or an override is wrong.
    """
    file, name = location.file, location.study
    facts = _facts(location)
    with workspace.home.current():
        facts, settings, speed = _tried(facts, name, note, measured=measured)
    seconds = None if speed is None else _trial_seconds(facts, settings, speed)
    at_once = facts.cpus if facts.device == "cpu" else max(1, torch.cuda.device_count())
    estimate = None if seconds is None else seconds * TRIALS / min(TRIALS, at_once)
    remarks = (*lacking(facts), *facts.notes, _estimate(facts, settings, seconds, estimate, speed))
    _write(file, _text(name, facts, settings, remarks)[0])
    found = facts.found
    classes = tuple(len({path[: level + 1] for path in found.leaf_paths}) for level in range(facts.levels))
    outcome = (name, found.level_names, classes, found.totals, facts.imbalance, facts.device)
    return NewSpace(file, *outcome, seconds, estimate, remarks)


def _facts(location: Location) -> Facts:
    section = location.data
    config = validate(TrialConfig, {"data": section}, str(location.source)).data
    found = find_leaves(config)
    if found is None:
        found = _in_columns(config)
    found.check_enough(untrained=config.untrained == "keep")
    facts = Facts(section, found, "cuda" if torch.cuda.is_available() else "cpu", usable_cpus(), notes=found.notes)
    return _with_pictures(facts, config) if config.MODALITY == "images" else facts


def _in_columns(config: DataConfig) -> FoundLeaves:
    """The leaves of a table whose labels are columns of its own: it has to be read."""
    data = load_data(config)
    tree = data.taxonomy
    counts = {
        name: tuple(np.bincount(split.leaf.numpy(), minlength=tree.num_leaves).tolist())
        for name, split in splits_of(data).items()
    }
    leaves = [tuple(tree.class_names[level][at] for level, at in enumerate(path)) for path in tree.leaf_paths.tolist()]
    return FoundLeaves(tree.level_names, tuple(leaves), counts, data.notes, "rows")


def _with_pictures(facts: Facts, config: Any) -> Facts:
    seen = look_at(_image_files(config))
    if seen.bad and len(seen.bad) == seen.opened:
        raise DataError(f"no image that was looked at can be read, {str(seen.bad[0])!r} for one")
    facts = replace(facts, short_side=seen.short_side, grey=seen.grey)
    if not seen.bad:
        return facts
    remark = (
        f"{len(seen.bad)} of {many(seen.opened, 'image')} that were looked at cannot be read, "
        f"{str(seen.bad[0])!r} for one: "
        "on_bad_file: skip leaves them out."
    )
    return replace(facts, data=_SKIP | facts.data, notes=(*facts.notes, remark))


def _image_files(config: Any) -> Sequence[ImageSource]:
    if isinstance(config, FoldersSection):
        return [file for of_split in config.tree().files.values() for of_leaf in of_split for file in of_leaf]
    if isinstance(config, HfDatasetConfig):
        splits = config.rows().splits.values()
        columns = [(ImageColumn(split, config.image), len(split)) for split in splits]
        return [EmbeddedImage(column, row) for column, count in columns for row in range(count)]
    from hmlc_ray.folders.manifest import read_manifest

    samples = read_manifest(config.file, config.root).samples
    return [sample.file for of_split in samples.values() for sample in of_split]


def _tried(facts: Facts, name: str, note: Note, *, measured: bool) -> tuple[Facts, Settings, Speed | None]:
    """Facts, settings and speed after a short epoch, where one is trained."""
    settings = choose(facts)
    trial = _text(name, facts, settings, ())[1].base_trial()
    samples = sum(facts.found.totals.values())
    is_large = samples > MOST_READ and facts.data["kind"] != "features"
    if not measured or (is_large and facts.data["kind"] != "image-folder"):
        return facts, settings, None
    note(f"measuring a short epoch on {'a part of the' if is_large else f'{samples:,}'} samples")
    threads = 1 if facts.device == "cpu" else None
    trial = trial.model_copy(update={"training": trial.training.model_copy(update={"cpu_threads": threads})})
    try:
        with part_of(trial) if is_large else nullcontext(trial) as taken:
            speed = measure(taken)
    except DataError as error:
        if not str(error).endswith(SKIPPING) or facts.data.get("on_bad_file") == "skip":
            raise
        what = str(error).removesuffix(SKIPPING)
        remark = f"on_bad_file: skip leaves files out that cannot be used, this one and perhaps others: {what}."
        note("a file cannot be used: measuring once more without such files")
        skipping = replace(facts, data=_SKIP | facts.data, notes=(*facts.notes, remark))
        return _tried(skipping, name, lambda _: None, measured=True)
    except TrainingError as error:
        return replace(facts, notes=(*facts.notes, f"A short epoch failed: {error}.")), settings, None
    return facts, replace(settings, batch=speed.batch), speed


def _text(name: str, facts: Facts, settings: Settings, remarks: tuple[str, ...]) -> tuple[str, SweepConfig]:
    """The file and what it means; it is a valid search space, with its profile too."""
    data = with_data(facts.data, facts, settings)
    text = space_text(name, facts, settings, data, remarks)
    values = parse_yaml(text, "the new search space")
    load_sweep(values, profile="smoke")
    return text, load_sweep(values)


def _trial_seconds(facts: Facts, settings: Settings, speed: Speed) -> float:
    train = facts.train_samples
    val = facts.found.totals.get("val", train // 4)
    return speed.trial_seconds(train, val, settings.epochs, -(-settings.epochs // settings.every))


def _estimate(facts: Facts, settings: Settings, seconds: float | None, study: float | None, speed: Speed | None) -> str:
    if seconds is None or study is None or speed is None:
        return "The time was not measured; the smoke profile shows how long an epoch takes."
    where = "one GPU" if facts.device == "cuda" else "one CPU core"
    return (
        f"Estimated time: {_time(seconds)} a trial of {many(settings.epochs, 'epoch')} on {where}, "
        f"{_time(study)} for all "
        f"{TRIALS} on this machine if none is stopped early (ASHA stops most of them, which saves half or more); from "
        f"one short epoch of the first objective, measured when this file was written, {_load(speed)}. "
        "Shorter: `hmlc sweep FILE "
        "--trials 10 -o training.epochs=20`."
    )


def _load(speed: Speed) -> str:
    """What else ran on the machine: the time of an epoch depends on it."""
    if speed.others < _BUSY:
        return "on a machine that does nothing else: other programs make it longer"
    cores = f"{speed.others:.1f} CPU cores"
    return f"while other programs used {cores}: without them it is shorter, with more of them longer"


def _time(seconds: float) -> str:
    return str(timedelta(seconds=max(1, round(seconds))))


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:  # whoever made it meanwhile keeps theirs
            stream.write(text)
    except FileExistsError:
        raise ConfigError(f"{file} exists already and is not overwritten: choose another --out") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {system_reason(error)}") from None
