"""What the three are configured by. Imported with every configuration: nothing heavy here but within `build`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from hmlc_ray.config.encoder import EncoderSection
from hmlc_ray.config.marks import AtMost, PerLevel
from hmlc_ray.config.objective import LevelWeights, ObjectiveSection, Temperature
from hmlc_ray.config.splits import DataSection

if TYPE_CHECKING:
    from hmlc_ray.data import DataSet
    from hmlc_ray.encoders import Encoder
    from hmlc_ray.objectives import Dims, Objective


class CentroidConfig(ObjectiveSection):
    """Every row is classified by the nearest of its batch's class centroids, at every level."""

    kind: Literal["centroid"] = "centroid"
    temperature: Annotated[Temperature | tuple[Temperature, ...], PerLevel()] = 0.1
    """tau: one for all levels, or one per level (coarsest first)."""
    level_weights: LevelWeights = "uniform"
    """w_h: a named form, or one weight per level (coarsest first)."""
    level_ratio: float = Field(2.0, gt=0)
    used_dims: Annotated[int | None, AtMost("head.embedding_dim")] = Field(None, ge=1)
    """The first so many dimensions of the embedding are contrasted; None: all."""

    def build(self, dims: Dims) -> Objective:
        from hmlc_example.centroid import Centroid

        return Centroid(self, dims)


class PooledConfig(EncoderSection):
    """Images, averaged over a grid of cells, and a linear layer."""

    kind: Literal["pooled"] = "pooled"
    cells: int = Field(4, ge=1, le=32)
    """Cells along each side."""
    feature_dim: int = Field(32, ge=1, le=4096)

    def build(self, input_shape: tuple[int, ...]) -> Encoder:
        from hmlc_example.pooled import Pooled

        return Pooled(self, input_shape)


class StripesConfig(DataSection):
    """Made images of stripes: two directions, and three widths of each."""

    LEVELS = ("direction", "width")
    kind: Literal["stripes"] = "stripes"
    size: int = Field(12, ge=8, le=64)
    """Pixels of each side."""
    per_class: int = Field(20, ge=5, le=1000)
    noise: float = Field(0.1, ge=0, le=1)
    """Standard deviation of the noise."""

    def build(self) -> DataSet:
        from hmlc_example.stripes import load

        return load(self)
