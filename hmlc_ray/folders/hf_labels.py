"""The classes in the columns of a Hugging Face data set: a column per level, of class labels, texts or integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.folders.hf_dataset import HfSplit, listed, open_splits
from hmlc_ray.folders.notes import lacking_each
from hmlc_ray.folders.split_names import Role
from hmlc_ray.names.levels import check_printable, composed

ClassPath = tuple[str, ...]
_PLAIN = ("bool", "int", "uint", "string", "large_string")
_SHOWN = 80


@dataclass(frozen=True)
class HfRows:
    """The rows of a data set and their classes; no image was looked at."""

    splits: Mapping[Role, HfSplit]
    classes: Mapping[Role, list[ClassPath]]
    """Names of the classes of each row, coarsest first."""
    leaf_paths: tuple[ClassPath, ...]
    """Every leaf's classes, coarsest first; sorted."""

    def lacks(self) -> list[str]:
        """A sentence for each split that lacks classes."""
        return lacking_each(self.classes, self.leaf_paths)


def read_rows(
    root: str, image: str, levels: Sequence[str], splits: Literal["auto"] | Mapping[Role, str] = "auto"
) -> HfRows:
    """The splits of a folder and the classes of their rows.

    Args:
        root: what `save_to_disk` wrote.
        image: the column of images.
        levels: the columns of classes, coarsest first.
        splits: see `open_splits`.

    Raises:
        DataError: see `open_splits`; if a column is missing or holds something else, or a row has no class.
        TaxonomyError: if a class has two parents, there is only one leaf, or a name holds a control character.
        ConfigError: if `datasets` is not installed.
    """
    found = open_splits(Path(root).expanduser().absolute(), splits)
    classes: dict[Role, list[ClassPath]] = {}
    parents: list[dict[str, tuple[str, str]]] = [{} for _ in levels[1:]]
    for role, split in found.items():
        _check_columns(split, image, levels)
        classes[role] = list(zip(*(_class_names(split, column) for column in levels), strict=True))
        _check_parents(split, classes[role], levels, parents)
    leaves = sorted({path for paths in classes.values() for path in paths})
    if len(leaves) < 2:
        raise TaxonomyError(f"{root!r} has one class only, {leaves[0][-1]!r}; at least two are needed")
    return HfRows(found, classes, tuple(leaves))


def holds_images(feature: Any) -> bool:
    """Whether a column can hold images: it has the feature Image, or the bytes of files."""
    return type(feature).__name__ == "Image" or getattr(feature, "dtype", None) in ("binary", "large_binary")


def holds_classes(feature: Any) -> bool:
    """Whether a column can hold classes."""
    kind = type(feature).__name__
    return kind == "ClassLabel" or (kind == "Value" and feature.dtype.rstrip("0123456789") in _PLAIN)


def _check_columns(split: HfSplit, image: str, levels: Sequence[str]) -> None:
    features = split.features
    for column in (image, *levels):
        if column not in features:
            raise DataError(f"{split} has no column {column!r}; its columns are {listed(features)}")
    if not holds_images(features[image]):
        there = [name for name, feature in features.items() if holds_images(feature)]
        hint = f"images are in {listed(there)}" if there else "it has none; vectors are read by data.kind: features"
        raise DataError(
            f"the column {image!r} of {split} holds {_shown(features[image])}, but data.image must name one of images "
            f"({hint})"
        )
    for column in levels:
        if not holds_classes(features[column]):
            raise DataError(
                f"the column {column!r} of {split} holds {_shown(features[column])}, but data.levels must name columns "
                "of class labels, texts or integers, one value a row"
            )


def _class_names(split: HfSplit, column: str) -> list[str]:
    """The class of each row at a level."""
    values = split.column(column).to_pylist()
    names, feature = {}, split.features[column]
    for value in dict.fromkeys(values):
        try:
            names[value] = _name(value, feature)
        except DataError as error:
            raise DataError(f"row {values.index(value)} of {split} has {error} in the column {column!r}") from None
    try:
        check_printable(names.values())
    except TaxonomyError as error:
        raise TaxonomyError(f"the column {column!r} of {split}: {error}") from None
    return [names[value] for value in values]


def _name(value: Any, feature: Any) -> str:
    """Raises DataError with what is wrong with the value."""
    if value is None:
        raise DataError("no class (null)")
    if isinstance(value, int) and value < 0:
        raise DataError(f"no class ({value}, as where labels are secret; data.splits can leave such a split out)")
    if type(feature).__name__ != "ClassLabel":
        name = composed(str(value).strip())
        if not name:
            raise DataError("an empty class")
        return name
    if value >= feature.num_classes:
        raise DataError(f"the class {value}, of {feature.num_classes} classes from 0 on,")
    return composed(str(feature.int2str(value)))


def _check_parents(
    split: HfSplit,
    paths: Sequence[ClassPath],
    levels: Sequence[str],
    parents: Sequence[dict[str, tuple[str, str]]],
) -> None:
    """A class is known by its name alone here, so one name below two parents is a mistake.

    Args:
        parents: by level below the coarsest what is known of other splits; what this one shows is added.
    """
    for path in dict.fromkeys(paths):
        for level, (known, (parent, child)) in enumerate(zip(parents, pairwise(path), strict=True), start=1):
            before, where = known.setdefault(child, (parent, ""))
            if before != parent:
                raise TaxonomyError(
                    f"row {paths.index(path)} of {split} puts {levels[level]} {child!r} below {parent!r}, but "
                    f"{where} below {before!r}; a class has one parent (data.levels lists the columns coarsest first)"
                )
            if not where:
                known[child] = (parent, f"row {paths.index(path)} of {split.name!r}")


def _shown(feature: Any) -> str:
    text = " ".join(str(feature).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
