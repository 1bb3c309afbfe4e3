"""How a data set is divided, as configuration."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hmlc_ray.config.base import Section
from hmlc_ray.names.levels import check_level_names, check_printable, composed


class SplitSection(Section):
    """How samples are divided where the data set does not say; stratified by leaf."""

    validation_fraction: float = Field(0.2, gt=0, lt=0.9)
    """Share of the training samples held out for validation, where no validation split is given."""
    test_fraction: float = Field(0.2, gt=0, lt=0.9)
    """Share of all samples held out for the test, where no test split is given."""
    split_seed: int = Field(0, ge=0)
    limit_per_leaf: int | None = Field(None, ge=1)
    """Train on at most this many samples of each leaf: a choice that `split_seed` decides, in which those of a smaller
    limit are part of those of a larger one. Validation and test stay whole."""
    untrained: Literal["error", "keep"] = "error"
    """Classes that other splits have and train has not: refused; or kept, though nothing can learn them, so that their
    samples count as mistakes."""
    train_on: Literal["train", "train+val"] = "train"
    """`train+val` is for the final refit: nothing is left to choose on, so only the test split is judged."""


def level_names_checked(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names in NFC, for a pydantic validator; see `check_level_names` and `check_printable`."""
    names = tuple(map(composed, names))
    check_printable(names)
    check_level_names(names)
    return names


class _Folders(dict[str, str]):
    """By split. Sections are keys of caches, so it is hashable."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def _checked_folders(folders: dict[str, str]) -> dict[str, str]:
    if "train" not in folders:
        raise ValueError("splits must name the folder of train")
    for folder in folders.values():
        if not folder or PurePath(folder).is_absolute() or ".." in PurePath(folder).parts:
            raise ValueError(f"splits must name folders relative to data.root and below it, got {folder!r}")
    if len({PurePath(folder) for folder in folders.values()}) < len(folders):
        raise ValueError(f"splits must name a folder of its own for each split, got {folders}")
    return _Folders(folders)


SplitFolders = Annotated[dict[Literal["train", "val", "test"], str], AfterValidator(_checked_folders)]


class FoldersSection(Section):
    """How the folders of a data set are read."""

    splits: Literal["auto", "none"] | SplitFolders = Field(
        "auto",
        json_schema_extra={
            "allowed": "auto, none, or a mapping of train, and where given val and test, to folders below data.root"
        },
    )
    """`auto`: folders called `train`, `valid`, `test`, ... are splits; `none`: all folders are classes; a mapping such
    as `{train: train2017, val: val2017}`, relative to `root`: these folders are the splits, and others are not read."""
    uneven: Literal["error", "fill"] = "error"
    """`fill`: where a leaf lies less deep than others, the last folder's name is repeated."""
    level_names: Annotated[tuple[str, ...], AfterValidator(level_names_checked)] | None = None
    """Names of the levels, coarsest first; `level0`, `level1`, ... where not given."""
