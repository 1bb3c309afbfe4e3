"""Sets of point clouds and their views, as configuration."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hmlc_ray.config.base import POINTS, Section
from hmlc_ray.config.marks import AtMost, OnDisk
from hmlc_ray.config.splits import DataSection, FoldersSection, Levels
from hmlc_ray.config.taxonomy import ModelNetTaxonomy


class PointSetSection(DataSection):
    """Surfaces, sampled uniformly by area into clouds that are centred and scaled into the unit ball."""

    MODALITY = POINTS
    num_points: int = Field(1024, ge=16, le=65536)
    """Points that are sampled from each surface, once, and stored."""
    normals: bool = False
    """Store the unit normal of each point too: six channels instead of three."""
    sample_seed: int = Field(0, ge=0)
    """Seed of the sampling; a surface gives the same cloud for the same seed, whatever else is in the set."""


class PointFilesSection(PointSetSection):
    """Files that are read once on a machine; their clouds are kept in its cache folder."""

    root: Annotated[str, OnDisk()] = Field(min_length=1)
    on_bad_file: Literal["error", "skip"] = "error"


class ModelNetConfig(PointFilesSection):
    """ModelNet40 or ModelNet10 as published, `<class>/{train,test}/*.off`; imbalanced; the test split is given."""

    LEVELS: ClassVar[Levels] = {"groups": ("group", "class"), "flat": ("class",)}
    kind: Literal["modelnet"] = "modelnet"
    root: Annotated[str, OnDisk()] = Field(min_length=1)
    """The folder of class folders, or the one that holds `ModelNet40` or `ModelNet10`."""
    variant: Literal["modelnet40", "modelnet10"] = "modelnet40"
    taxonomy: ModelNetTaxonomy = "groups"  # type: ignore[assignment]
    """`groups`: 10 groups -> 40 classes, or 3 -> 10 (ours: there is no official tree); `flat`: the classes alone."""
    classes: Literal["all", "present"] = "all"
    """`present`: the classes that have a folder, where only some were downloaded."""
    limit_per_class: int | None = Field(None, ge=3)
    """Use at most this many meshes of each class and split (a seeded choice), to try things out."""


class MeshFolderConfig(FoldersSection, PointFilesSection):
    """A folder of meshes (OFF, STL, PLY, OBJ, GLB): nested class folders, or flat leaves plus `taxonomy.csv`."""

    FILES = "meshes"
    kind: Literal["mesh-folder"] = "mesh-folder"


class PointFolderConfig(FoldersSection, PointFilesSection):
    """A folder of point clouds (NPY, NPZ, PLY, XYZ, TXT, PTS), nested as a mesh folder or with a `taxonomy.csv`."""

    FILES = "points"
    kind: Literal["point-folder"] = "point-folder"
    num_points: int = Field(1024, ge=16, le=65536)
    """Points that are drawn from each file, once, and stored: without repetition, or where a file has fewer, each of
    its points equally often, give or take once."""
    normals: bool = False
    """Store the unit normal of each point too, which the files must hold: six channels instead of three."""
    sample_seed: int = Field(0, ge=0)
    """Seed of the drawing; a file gives the same cloud for the same seed, whatever else is in the set."""
    scaling: Literal["unit-ball", "none"] = "unit-ball"
    """`unit-ball`: centred on the mean, the farthest point at distance 1; `none`: the coordinates of the file."""


class PrimitivesConfig(PointSetSection):
    """Made solids, deformed and noisy: 3 kinds of shape -> 10 families -> 24 proportions; nothing is downloaded."""

    LEVELS = ("shape", "family", "proportion")
    kind: Literal["primitives"] = "primitives"
    num_points: int = Field(512, ge=16, le=65536)
    """Points that are sampled from each surface."""
    per_class: int = Field(60, ge=5, le=10_000)
    """Solids of the most frequent leaf class."""
    imbalance: float = Field(1.0, ge=1, le=1000)
    """Size of the most frequent leaf class over that of the rarest; sizes fall geometrically in between."""
    deformation: float = Field(0.2, ge=0, le=0.5)
    """Strength of the random stretch, taper, bend and twist of each solid."""
    noise: float = Field(0.02, ge=0, le=0.2)
    """Standard deviation of the noise on the points, in radii of the solid."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.per_class / self.imbalance < 3:
            raise ValueError(
                f"imbalance ({self.imbalance:g}) must not exceed a third of per_class ({self.per_class}): "
                "every split needs a solid of the rarest class"
            )
        return self


class PointViewsConfig(Section):
    """The random views of a point cloud, drawn per sample and in one batch on the training device."""

    kind: Literal["points"] = "points"
    resample: Annotated[int | None, AtMost("data.num_points")] = Field(None, ge=8)
    """Points of a view, drawn again from the stored ones each time; None: all of them."""
    up: Literal["x", "y", "z"] = "z"
    """The axis that points up in the data; ModelNet's is z."""
    rotation: float = Field(180.0, ge=0, le=180)
    """Largest turn about the up axis in degrees, either way."""
    tilt: float = Field(0.0, ge=0, le=180)
    """Largest tilt of the up axis in degrees."""
    scale: tuple[float, float] = (0.8, 1.25)
    """Range of the factor of size."""
    anisotropic: bool = False
    """Draw the factor of size for each axis instead of once."""
    translation: float = Field(0.1, ge=0, le=1)
    """Largest shift along each axis, in radii of the cloud."""
    jitter: float = Field(0.01, ge=0, le=0.5)
    """Standard deviation of the Gaussian noise on each coordinate, in radii."""
    jitter_clip: float = Field(0.05, gt=0, le=1)
    """Noise is clipped at this value, either way."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Largest share of points that is dropped; copies of a point that stays replace them."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(f"scale must satisfy 0 < low <= high, got [{low}, {high}]")
        return self
