"""Tables of features that another model made, and their views, as configuration."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hmlc_ray.config.base import FEATURES, Section
from hmlc_ray.config.marks import OnDisk
from hmlc_ray.config.splits import DataSection, level_names_checked


class FeaturesConfig(DataSection):
    """A table of features of any model, a row per sample (`.npy`, `.npz`, `.parquet`), with the classes of each row."""

    MODALITY = FEATURES
    kind: Literal["features"] = "features"
    file: Annotated[str, OnDisk()] = Field(min_length=1)
    """The table; or a folder that holds it as `features.npy`, `features.npz` or `features.parquet`."""
    labels: Annotated[str | None, OnDisk()] = Field(None, min_length=1)
    """A CSV file with the classes of each row; None: `labels.csv` beside the table, else the table's own columns."""
    levels: Annotated[tuple[str, ...], AfterValidator(level_names_checked)] | None = None
    """The columns that hold classes, coarsest first; None: all but `row`, `path`, `split` and `text`, finest first."""
    array: str | None = Field(None, min_length=1)
    """The name of the features in a `.npz` or `.parquet` file; None: `features`, or what alone can be them."""
    standardise: bool = True
    """The encoder begins with (x - mean) / deviation of the training rows, which its export holds too."""
    on_bad_row: Literal["error", "skip"] = "error"
    """Rows that hold NaN or infinite numbers."""

    def own_levels(self) -> tuple[str, ...]:
        from hmlc_ray.folders.feature_labels import read_feature_levels

        return self.levels or read_feature_levels(self.file, self.labels, self.array)


class FeatureViewsConfig(Section):
    """The random views of a row of features, drawn per sample."""

    kind: Literal["features"] = "features"
    mixup: float = Field(0.0, ge=0, le=1)
    """Largest share of another training row of the same leaf that is mixed in; the share is drawn per sample."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Probability that a number is replaced by the mean of its column."""
    noise: float = Field(0.1, ge=0, le=10)
    """Standard deviation of the Gaussian noise on each number, in standard deviations of its column."""
