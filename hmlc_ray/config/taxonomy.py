"""Which label tree a data set is given, as configuration."""

import hashlib
import json
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from hmlc_ray.config.base import Section
from hmlc_ray.config.unions import WHEN_USED

FEATURE_FILES = (".npy", ".npz")
CONFUSION_FILES = (".npy", ".csv")


class Tree(Section):
    """A label tree, written out."""

    level_names: tuple[str, ...] = Field(min_length=1)
    """Names of the levels, coarsest first."""
    paths: tuple[tuple[str, ...], ...] = Field(min_length=2)
    """Class names of every leaf, coarsest first."""
    settings: str | None = None
    """The keys beside `tree` that it was made with, as JSON, which is how a change of them is noticed."""

    @model_validator(mode="after")
    def _has_settings(self) -> Self:
        try:
            read = json.loads(self.settings or "{}")
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise ValueError("data.taxonomy.tree.settings must hold the JSON that was written there; leave it as it is")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over levels and paths, as hexadecimal digits."""
        return digest_of({"level_names": self.level_names, "paths": self.paths})


class TreeSection(Section):
    """A tree other than the data set's own, or its own with its leaves shuffled."""

    NOT_OF_THE_TREE: ClassVar[frozenset[str]] = frozenset({"tree", "shuffled", "shuffle_seed"})
    shuffled: bool = False
    """The control: a tree of the same shape, its leaves permuted at random."""
    shuffle_seed: int = Field(0, ge=0)
    """Seed of the permutation."""

    def with_tree(self, tree: Tree) -> Self:
        """The same with the tree that was made of it."""
        settings = json.dumps(self._settings(), sort_keys=True)
        return self.model_copy(update={"tree": tree.model_copy(update={"settings": settings})})

    def _settings(self) -> dict[str, Any]:
        """The keys that the tree is made with."""
        return self.model_dump(mode="json", exclude=set(self.NOT_OF_THE_TREE))

    @model_validator(mode="after")
    def _is_its_tree(self) -> Self:
        tree: Tree | None = getattr(self, "tree", None)
        made_with = json.loads(tree.settings) if tree is not None and tree.settings is not None else {}
        now = self._settings()
        # A key that a later version adds is not among those that an older tree was made with.
        changed = [name for name in made_with if name in now and now[name] != made_with[name]]
        if changed:
            raise ValueError(
                f"data.taxonomy.{changed[0]} was changed since its tree was made; remove data.taxonomy.tree to have it "
                "made again"
            )
        return self


class OwnTaxonomyConfig(TreeSection):
    """The data set's own tree, for the control `shuffled: true`."""

    kind: Literal["own"] = "own"
    name: str | None = Field(None, min_length=1)
    """Which of its trees, where it has several (see `data.taxonomy` of its kind); None: the default."""


class FileTaxonomyConfig(TreeSection):
    """The tree of a file; leaves are found by their names."""

    kind: Literal["file"] = "file"
    file: str = Field(min_length=1)
    """A .csv, .tsv or .json file, see docs/taxonomy.md."""
    tree: Tree | None = None
    """What the file held when the run or study started, which fills it in; then the file is not read again."""


class FirstTrainingConfig(Section):
    """The training that features or confusions come from."""

    objective: Literal["cross-entropy", "supcon"] = "cross-entropy"
    """Its objective, on the leaf level alone."""
    epochs: int = Field(10, ge=0)
    """0: the encoder as it begins, for `encoder.weights`."""


class InducedTaxonomyConfig(TreeSection):
    """A tree made from the classes' features or confusions, once, before the run or the study's trials start."""

    kind: Literal["induced"] = "induced"
    method: Literal["agglomerative", "divisive"] = "agglomerative"
    """`agglomerative`: the closest classes are joined, bottom up; `divisive`: the widest group is halved by 2-means."""
    from_: Literal["features", "confusion"] = Field("features", alias="from")
    """`features`: the classes' mean features over the training samples; `confusion`: how often a linear probe takes
    one for another on validation."""
    linkage: Literal["auto", "ward", "average", "complete"] = "auto"
    """Linkage of `agglomerative`; `auto`: ward for features, average for confusions."""
    classes: Literal["auto"] | tuple[Annotated[int, Field(ge=2)], ...] = Field(
        "auto", json_schema_extra={"allowed": "auto, or an increasing list of integers of at least 2"}
    )
    """Numbers of classes of the levels above the leaves, coarsest first; `auto`: those with the largest silhouette
    coefficients, each at least twice the one before."""
    levels: int | None = Field(None, ge=2, le=12)
    """With `classes: auto`: the number of levels, the leaf level included; None: 2."""
    source: str | None = Field(None, min_length=1)
    """Where features or confusions come from: an MLflow run, a folder of a checkpoint or an exported encoder, or a file
    (.npy or .npz of features, .npy or .csv of confusions); None: from a training that comes first."""
    training: FirstTrainingConfig = Field(default_factory=FirstTrainingConfig)
    """With `source: null`: what is trained first, with the data, views, encoder and optimiser of the run."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of that training and of 2-means."""
    tree: Tree | None = None
    """What was made of it when the run or study started, which fills it in; then nothing is made again."""

    @property
    def level_names(self) -> tuple[str, ...]:
        """Coarsest first: those of the tree, where it is made."""
        if self.tree is not None:
            return self.tree.level_names
        return (*(f"induced{h}" for h in range(self.num_levels - 1)), "leaf")

    @property
    def num_levels(self) -> int:
        """H."""
        if self.tree is not None:
            return len(self.tree.level_names)
        return (self.levels or 2) if self.classes == "auto" else len(self.classes) + 1

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.classes != "auto" and (not self.classes or any(b <= a for a, b in pairwise(self.classes))):
            raise ValueError(
                f"data.taxonomy.classes must increase from the coarsest level to the finest, got {list(self.classes)}"
            )
        if self.classes != "auto" and self.levels is not None:
            raise ValueError(
                "data.taxonomy.levels is for `classes: auto`; a list of classes says how many levels there are"
            )
        if self.linkage != "auto" and self.method == "divisive":
            raise ValueError("data.taxonomy.linkage is for `method: agglomerative`; leave it out")
        if self.linkage == "ward" and self.from_ == "confusion":
            raise ValueError("data.taxonomy.linkage must be average or complete: ward needs features, not confusions")
        return self


def has_tree_to_make(taxonomy: object) -> bool:
    """Whether the tree of a `data.taxonomy` is still to be read from its file, or to be induced."""
    return isinstance(taxonomy, FileTaxonomyConfig | InducedTaxonomyConfig) and taxonomy.tree is None


def digest_of(values: Any) -> str:
    """SHA-256 over plain values, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _kind(value: Any) -> str | None:
    """A mapping without a kind is about the data set's own tree."""
    if isinstance(value, TreeSection):
        return str(getattr(value, "kind", None))
    return str(value.get("kind", "own")) if isinstance(value, dict) else None


def _kind_or_name(value: Any) -> str | None:
    return "name" if isinstance(value, str) else _kind(value)


OtherTaxonomy = (
    Annotated[OwnTaxonomyConfig, WHEN_USED, Tag("own")]
    | Annotated[FileTaxonomyConfig, WHEN_USED, Tag("file")]
    | Annotated[InducedTaxonomyConfig, WHEN_USED, Tag("induced")]
)
TaxonomyConfig = Annotated[OtherTaxonomy, Discriminator(_kind)]
"""A section."""
_NAME, _BY = Tag("name"), Discriminator(_kind_or_name)
DigitTaxonomy = Annotated[Annotated[Literal["parity", "magnitude"], _NAME] | OtherTaxonomy, _BY]
CifarTaxonomy = Annotated[Annotated[Literal["official", "five-levels"], _NAME] | OtherTaxonomy, _BY]
ModelNetTaxonomy = Annotated[Annotated[Literal["groups", "flat"], _NAME] | OtherTaxonomy, _BY]
"""The name of one of the data set's own trees, or a section."""
