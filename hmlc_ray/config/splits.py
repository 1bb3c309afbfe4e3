"""How a data set is divided, as configuration."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hmlc_ray.config.base import IMAGES, Modality, Section
from hmlc_ray.config.marks import OnDisk
from hmlc_ray.config.schema import names
from hmlc_ray.config.taxonomy import OwnTaxonomyConfig, TaxonomyConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.counts import are, many
from hmlc_ray.names.levels import check_level_names, check_printable, composed

if TYPE_CHECKING:
    from hmlc_ray.folders import FolderTree


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
    taxonomy: TaxonomyConfig | None = None
    """The tree over the classes; null: the data set's own."""
    keep_levels: tuple[str, ...] | None = Field(None, min_length=1)
    """Names of the levels that are kept, the leaf level among them; null: all."""
    train_on: Literal["train", "train+val"] = "train"
    """`train+val` is for the final refit: nothing is left to choose on, so only the test split is judged."""

    @property
    def own_taxonomy(self) -> str | None:
        """The name of the data set's own tree, where it has several; None: its only one."""
        given: object = self.taxonomy
        named = given.name if isinstance(given, OwnTaxonomyConfig) else given
        default: str | None = type(self).model_fields["taxonomy"].default
        return named if isinstance(named, str) else default

    @model_validator(mode="after")
    def _has_own_taxonomy(self) -> Self:
        named = self.taxonomy.name if isinstance(self.taxonomy, OwnTaxonomyConfig) else None
        if named is not None and named not in (known := self.own_taxonomies()):
            allowed = f"one of {', '.join(known)}" if known else "null, since these data have one tree of their own"
            raise ValueError(f"data.taxonomy.name must be {allowed}, got {named!r}")
        return self

    @classmethod
    def own_taxonomies(cls) -> tuple[str, ...]:
        """The names of its own trees, where it has several."""
        return names(cls.model_fields["taxonomy"])


Levels = tuple[str, ...] | Mapping[str, tuple[str, ...]]


class DataSection(SplitSection):
    """Any data set."""

    MODALITY: ClassVar[Modality] = IMAGES
    """What its samples are."""
    LEVELS: ClassVar[Levels] = ()
    """Names of the levels, coarsest first; where the data set has several trees, by the value of `taxonomy`."""

    def own_levels(self) -> tuple[str, ...]:
        """Names of the levels of its own tree, coarsest first, found out without reading a sample.

        Raises:
            DataError: if files have to be looked at, and are missing or empty.
            TaxonomyError: if they make no tree.
        """
        levels: Any = self.LEVELS
        names: tuple[str, ...] = levels if isinstance(levels, tuple) else levels[self.own_taxonomy]
        return names


def level_names_checked(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names in NFC, for a pydantic validator; see `check_level_names` and `check_printable`."""
    names = tuple(map(composed, names))
    check_printable(names)
    check_level_names(names)
    return names


class _BySplit(dict[str, str]):
    """Folders or names by split. Sections are keys of caches, so it is hashable."""

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
    return _BySplit(folders)


def _checked_names(names: dict[str, str]) -> dict[str, str]:
    if "train" not in names:
        raise ValueError("splits must name the split to train on as train")
    if len(set(names.values())) < len(names):
        raise ValueError(f"splits must name a split of its own for each, got {names}")
    return _BySplit(names)


SplitNames = Annotated[dict[Literal["train", "val", "test"], str], AfterValidator(_checked_names)]
SplitFolders = Annotated[dict[Literal["train", "val", "test"], str], AfterValidator(_checked_folders)]


class FoldersSection(DataSection):
    """How the folders of a data set are read."""

    FILES: ClassVar[Literal["images", "meshes", "points"]] = "images"
    root: Annotated[str, OnDisk()] = Field(min_length=1)
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

    def own_levels(self) -> tuple[str, ...]:
        return self.level_names or self.tree().level_names

    def tree(self) -> "FolderTree":
        """The classes, levels, splits and files that the folder holds.

        Raises:
            DataError, TaxonomyError: see `scan_folder`.
            ConfigError: if `level_names` does not hold one name per level.
        """
        from hmlc_ray.folders import IMAGE_SUFFIXES, MESH_SUFFIXES, POINT_SUFFIXES, scan_folder
        from hmlc_ray.folders.walk import check_folder

        check_folder(Path(self.root).expanduser().absolute(), "data.root")
        suffixes = {"images": IMAGE_SUFFIXES, "meshes": MESH_SUFFIXES, "points": POINT_SUFFIXES}[self.FILES]
        levels, untrained = None if self.level_names is None else len(self.level_names), self.untrained == "keep"
        tree = scan_folder(
            self.root, suffixes, splits=self.splits, uneven=self.uneven, levels=levels, untrained=untrained
        )
        if levels is not None and levels != tree.depth:
            there = f"there {are(tree.depth)} {many(tree.depth, 'level')}"
            raise ConfigError(
                f"data.level_names holds {many(levels, 'name')}, but {there}"
                + "".join(f" ({note})" for note in tree.notes if "looked through" in note)
            )
        return tree
