"""How a data set is divided, as configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hmlc_ray.config.base import Section
from hmlc_ray.level_names import check_level_names, check_printable


class SplitSection(Section):
    """How samples are divided where the data set does not say; stratified by leaf."""

    validation_fraction: float = Field(0.2, gt=0, lt=0.9)
    """Share of the training samples held out for validation, where no validation split is given."""
    test_fraction: float = Field(0.2, gt=0, lt=0.9)
    """Share of all samples held out for the test, where no test split is given."""
    split_seed: int = Field(0, ge=0)
    train_on: Literal["train", "train+val"] = "train"
    """`train+val` is for the final refit: nothing is left to choose on, so only the test split is judged."""


def level_names_checked(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, for a pydantic validator; see `check_level_names` and `check_printable`."""
    check_printable(names)
    check_level_names(names)
    return names
