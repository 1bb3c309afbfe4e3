"""Whether every trial that a search space can draw will be valid, checked before any is drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations, product
from typing import Any

from hmlc_ray.config.dimensions import Choices
from hmlc_ray.config.levels import check_trial, num_levels
from hmlc_ray.config.space import Kinds, SearchSpace
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError

Values = dict[str, Any]
Check = Callable[[TrialConfig], None]
MAX_CHECKED = 50_000
"""Trials built to check a space, per choice of branches; each takes about a tenth of a millisecond."""


def check_space(space: SearchSpace, also: Check = lambda config: None) -> None:
    """Build a trial from every end point and every choice in every branch, and from every pair of them.

    Pairs matter because some keys bound each other (`optimiser.warmup_epochs` and `training.epochs`). What is not
    tested is at its first value.

    Args:
        also: a further check of every trial, which raises a UserError of its own.

    Raises:
        ConfigError: naming the file, the dimension, the value and what is allowed.
        DataError: if the number of levels is needed and the image folder is missing or empty.
    """
    levels = lru_cache(num_levels)

    def check(config: TrialConfig) -> None:
        check_trial(config, levels)
        also(config)

    for chosen in space.assignments():
        _Corner(space, chosen, check).check_all()


class _Corner:
    """The checks under one choice of branches."""

    def __init__(self, space: SearchSpace, chosen: Kinds, check: Check) -> None:
        self.space, self.chosen, self.check = space, chosen, check
        self.ends = {name: dimension.ends() for name, _, dimension in space.dimensions(chosen)}
        self.choices = [name for name, _, dimension in space.dimensions(chosen) if isinstance(dimension, Choices)]
        self.start: Values = {name: next(iter(ends.values())) for name, ends in self.ends.items()}

    def check_all(self) -> None:
        self._check_start()
        self._refuse_many()
        for name, ends in self.ends.items():
            made = {next(iter(ends)): self._build(self.start, "space at its first values")}
            for label, value in list(ends.items())[1:]:
                made[label] = self._build({**self.start, name: value}, f"space.{name}, {label}")
            if name in self.choices:
                self._refuse_alike(name, made)
        for one, two in combinations(self.ends, 2):
            for (label1, value1), (label2, value2) in product(
                list(self.ends[one].items())[1:], list(self.ends[two].items())[1:]
            ):
                where = f"space.{one}, {label1}, with {two}, {label2}"
                self._build({**self.start, one: value1, two: value2}, where)

    def _refuse_alike(self, name: str, made: dict[str, TrialConfig]) -> None:
        """Choices that are written in different ways, as 1 and 1.0 are, and are one value to the key."""
        seen: dict[str, str] = {}
        for label, config in made.items():
            first = seen.setdefault(config.model_dump_json(), label)
            if first != label:
                one, two = (text.removeprefix("choice ") for text in (first, label))
                raise ConfigError(
                    f"{self.space.source}: space.{name}: choice holds {one} and {two}, the same value here"
                )

    def _refuse_many(self) -> None:
        """Two long lists of choices would take hours to check."""
        further = [len(ends) - 1 for ends in self.ends.values()]
        pairs = (sum(further) ** 2 - sum(count**2 for count in further)) // 2
        if sum(further) + pairs > MAX_CHECKED:
            longest, ends = max(self.ends.items(), key=lambda item: len(item[1]))
            raise ConfigError(
                f"{self.space.source}: the choices of this space make {sum(further) + pairs:,} trials to check, more "
                f"than {MAX_CHECKED:,}; give space.{longest}, {len(ends):,} choices, as an int or float range"
            )

    def _check_start(self) -> None:
        """The base with every dimension at its first value; if that is wrong, find out whose fault it is."""
        try:
            self.check(self.space.assemble(self.chosen, self.start))
        except ConfigError:
            self._build({}, "base")
            for name, ends in self.ends.items():
                self._build({name: self.start[name]}, f"space.{name}, {next(iter(ends))}")
            self._build(self.start, "space at its first values")

    def _build(self, values: Values, where: str) -> TrialConfig:
        source = f"{self.space.source}: {where}"
        try:
            config = self.space.assemble(self.chosen, values, source)
            self.check(config)
        except ConfigError as error:
            text = str(error)
            raise ConfigError(text if text.startswith(source) else f"{source}: {text}") from None
        return config
