"""SuiteConfig: a benchmark suite. Arms, data sets and seeds, and the budget that every arm has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from hmlc_ray.config.base import Section
from hmlc_ray.config.overrides import Pair, apply_overrides
from hmlc_ray.config.paths import get_path
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.names.levels import check_printable, composed
from hmlc_ray.names.studies import MAX_LENGTH, PATTERN, allowed

STUDY_SUFFIX = 20
"""Characters that the name of a suite leaves for the names of its studies."""
MOST_LABEL = 60


def _label(name: str) -> str:
    if not name.strip() or len(name) > MOST_LABEL:
        raise ValueError(f"a name must have 1 to {MOST_LABEL} characters")
    check_printable(name)
    return name


Label = Annotated[str, AfterValidator(_label)]
Values = dict[str, Any]


class TuningConfig(Section):
    """How every arm is tuned: so many trials each, chosen by their value on validation."""

    trials: int = Field(ge=0, le=1000)
    """Tuning trials of each arm on each data set. The first is the arm as written, the others are drawn from its
    space; 0: no arm is tuned."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of the draws; a parameter that several arms search has the same values in all of them."""


class FrontsConfig(Section):
    """Coarse against leaf over level weights, as fronts with their hypervolumes."""

    arms: tuple[Label, ...] = Field(min_length=1)
    """Arms whose objective has `level_weights`."""
    leaf_weights: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=2)
    """Weights of the leaf level; the other levels share the rest equally."""


class BenchmarkConfig(Section):
    """What is compared with what."""

    name: str = Field(
        pattern=PATTERN,
        max_length=MAX_LENGTH - STUDY_SUFFIX,
        json_schema_extra={"allowed": allowed(MAX_LENGTH - STUDY_SUFFIX)},
    )
    """The benchmark's name in the store; its studies are called `<name>.tuning-1`, `<name>.cells-1` and so on."""
    baseline: Label
    """The arm that the others are compared with."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...]
    """Seeds of the runs that are evaluated on test."""
    tuning: TuningConfig
    objective_metric: Annotated[str, AfterValidator(composed)] = "val/probe_top1/mean"
    """What a choice maximises; see `study.objective_metric`."""

    @model_validator(mode="after")
    def _several_seeds(self) -> BenchmarkConfig:
        if len(self.seeds) < 2:
            raise ValueError(
                f"benchmark.seeds holds {len(self.seeds)} seed{'' if len(self.seeds) == 1 else 's'}: differences are "
                "paired by seed, and their intervals need at least 2, better 5"
            )
        if len({*self.seeds}) < len(self.seeds):
            raise ValueError("benchmark.seeds must not hold a seed twice")
        return self


class DataEntry(Section):
    """What a data set lays over `base`."""

    data: Values = Field(default_factory=dict)
    views: Values = Field(default_factory=dict)
    encoder: Values = Field(default_factory=dict)
    head: Values = Field(default_factory=dict)
    optimiser: Values = Field(default_factory=dict)
    training: Values = Field(default_factory=dict)
    evaluation: Values = Field(default_factory=dict)


class ArmConfig(DataEntry):
    """Values that an arm lays over `base` and the data set's, and the search space of this arm alone."""

    objective: Values = Field(default_factory=dict)
    space: Values = Field(default_factory=dict)
    """As in a search space; it is added to the suite's."""


class SuiteConfig(Section):
    """A benchmark suite. `load_suite` makes one that is checked as a whole."""

    benchmark: BenchmarkConfig
    trials: TrialsConfig = Field(default_factory=TrialsConfig)
    base: Values = Field(default_factory=dict)
    """A partial TrialConfig: what all runs share."""
    space: Values = Field(default_factory=dict)
    """What is searched for every arm whose objective has it."""
    data: dict[Label, DataEntry] = Field(min_length=1)
    """The data sets by name."""
    arms: dict[Label, ArmConfig] = Field(min_length=2)
    """The arms by name."""
    fronts: FrontsConfig | None = None

    def values(self, data: str, arm: str) -> Values:
        """A partial trial: the base, the data set's values over it, the arm's over both."""
        values = apply_overrides(TrialConfig, self.base, _pairs(self.data[data]))
        values = apply_overrides(TrialConfig, values, _pairs(self.arms[arm]))
        threads = {"cpu_threads": max(1, int(self.trials.resources.cpus))}  # the last digits depend on them
        return {**values, "training": threads | values.get("training", {})}

    def search_space(self, data: str, arm: str, source: str = "suite") -> SearchSpace:
        """What is searched for an arm on a data set; see `space`."""
        values = self.values(data, arm)
        trial = validate(TrialConfig, values, where(source, data, arm))
        shared = {path: spec for path, spec in self.space.items() if has_key(trial, path)}
        return SearchSpace.parse({**shared, **self.arms[arm].space}, values, where(source, data, arm))

    def config(self, data: str, arm: str, source: str = "suite") -> TrialConfig:
        """The arm as it is written, on a data set."""
        return validate(TrialConfig, self.values(data, arm), where(source, data, arm))


def _pairs(entry: DataEntry) -> Iterator[Pair]:
    for section in type(entry).model_fields:
        if section == "space":
            continue
        yield from ((f"{section}.{key}", value) for key, value in getattr(entry, section).items())


def has_key(trial: TrialConfig, path: str) -> bool:
    """Whether a trial has a key, or a section that branches."""
    missing = object()
    return get_path(trial.model_dump(), path, missing) is not missing


def where(source: str, data: str, arm: str) -> str:
    return f"{source}: arms.{arm} on {data}"
