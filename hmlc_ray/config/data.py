"""Data sets and augmentation, as configuration."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hmlc_ray.config.base import Section
from hmlc_ray.config.features import FeaturesConfig, FeatureViewsConfig
from hmlc_ray.config.marks import OnDisk
from hmlc_ray.config.points import (
    MeshFolderConfig,
    ModelNetConfig,
    PointFolderConfig,
    PointViewsConfig,
    PrimitivesConfig,
)
from hmlc_ray.config.splits import DataSection, FoldersSection, Levels, SplitNames, level_names_checked
from hmlc_ray.config.taxonomy import CifarTaxonomy, DigitTaxonomy
from hmlc_ray.config.unions import BY_KIND
from hmlc_ray.errors import TaxonomyError
from hmlc_ray.names.counts import many

if TYPE_CHECKING:
    from hmlc_ray.folders.hf_labels import HfRows

CacheMode = Literal["auto", "device", "memory", "disk", "none"]
Byte = Annotated[int, Field(ge=0, le=255)]
MAX_PIXELS = 178_956_970
"""Pillow's own limit, from which on it refuses to open an image."""


class DigitsConfig(DataSection):
    """scikit-learn's 1,797 real 8x8 digits; parity: odd/even -> digit; magnitude: <5, >=5 -> digit."""

    LEVELS: ClassVar[Levels] = {"parity": ("parity", "digit"), "magnitude": ("magnitude", "digit")}
    kind: Literal["digits"] = "digits"
    taxonomy: DigitTaxonomy = "parity"  # type: ignore[assignment]


class MnistConfig(DataSection):
    """MNIST as torchvision reads it; its 10,000 test images are the test split."""

    LEVELS: ClassVar[Levels] = {"parity": ("parity", "digit"), "magnitude": ("magnitude", "digit")}
    kind: Literal["mnist"] = "mnist"
    root: Annotated[str, OnDisk()] = Field("data", min_length=1)
    """The folder that holds `MNIST/raw`."""
    download: bool = False
    taxonomy: DigitTaxonomy = "parity"  # type: ignore[assignment]
    limit: int | None = Field(None, ge=100)
    """Use this many training images (a stratified subset) instead of all 60,000."""


class StoredSection(DataSection):
    """Image files: how they are decoded, and where the pixels are kept."""

    image_size: int = Field(64, ge=8, le=1024)
    """Pixels; images are resized on the short side and cropped at the centre."""
    on_bad_file: Literal["error", "skip"] = "error"
    background: tuple[Byte, Byte, Byte] = (255, 255, 255)
    """Colour that shows through transparent pixels: red, green, blue."""
    value_range: tuple[float, float] | None = None
    """For images with more than 8 bits per pixel in one channel, the values that become black and white, the same for
    every file; None: the full range of unsigned integers of up to 16 bits, 0 to 1 of floats, no other types."""
    max_pixels: int = Field(MAX_PIXELS, ge=1)
    """A file with more pixels (width x height) is refused before it is decoded."""
    cache: CacheMode = "auto"
    """`device`: on the training device; `memory`: in the process; `disk`: in a mapped file that processes share;
    `none`: decoded again for every batch, in worker processes; `auto`: the first of these that has room."""
    decode_workers: int = Field(2, ge=1, le=256)
    """Processes that decode batches, with `cache: none`; no more than the CPUs that a process may use."""

    @model_validator(mode="after")
    def _range_ordered(self) -> Self:
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            low, high = self.value_range
            raise ValueError(f"value_range must satisfy low < high, got [{low}, {high}]")
        return self


class ImageFolderConfig(FoldersSection, StoredSection):
    """A folder of labelled images: nested class folders of any depth, or flat leaves plus `taxonomy.csv`."""

    kind: Literal["image-folder"] = "image-folder"
    root: Annotated[str, OnDisk()] = Field(min_length=1)
    image_size: int = Field(32, ge=8, le=1024)
    """Pixels; images are resized on the short side and cropped at the centre."""
    channels: Literal[1, 3] = 3


class ManifestConfig(StoredSection):
    """A CSV file of images and their classes: `path,leaf[,parent,...]`, and a `split` column where splits are given."""

    kind: Literal["manifest"] = "manifest"
    file: Annotated[str, OnDisk()] = Field(min_length=1)
    """The CSV file."""
    root: Annotated[str | None, OnDisk()] = Field(None, min_length=1)
    """The folder that its paths are relative to and must not lead out of; None: the folder of the CSV file."""
    image_size: int = Field(32, ge=8, le=1024)
    """Pixels; images are resized on the short side and cropped at the centre."""
    channels: Literal[1, 3] = 3

    def own_levels(self) -> tuple[str, ...]:
        from hmlc_ray.folders.manifest import read_level_names

        return read_level_names(self.file)


class HfDatasetConfig(StoredSection):
    """A folder that `save_to_disk` of Hugging Face datasets wrote, with a column of images and one for each level."""

    NEEDS = ("datasets",)
    kind: Literal["hf-dataset"] = "hf-dataset"
    root: Annotated[str, OnDisk()] = Field(min_length=1)
    """The folder; `pip install 'hmlc-ray[datasets]'` reads it."""
    image: str = Field("image", min_length=1)
    """The column of images."""
    levels: tuple[str, ...] = Field(min_length=1, examples=[("coarse_label", "fine_label")])
    """The columns of classes, coarsest first: class labels, texts or integers."""
    level_names: Annotated[tuple[str, ...], AfterValidator(level_names_checked)] | None = None
    """Names of the levels, coarsest first; those of the columns where not given."""
    splits: Literal["auto"] | SplitNames = Field(
        "auto",
        json_schema_extra={"allowed": "auto, or a mapping of train, and where given val and test, to the set's splits"},
    )
    """`auto`: splits called `train`, `validation`, `test`, ... are those; a mapping such as `{train: train, test:
    validation}`: these splits are used, and others are not read."""
    image_size: int = Field(32, ge=8, le=1024)
    """Pixels; images are resized on the short side and cropped at the centre."""
    channels: Literal[1, 3] = 3

    @model_validator(mode="after")
    def _has_level_names(self) -> Self:
        if len({*self.levels, self.image}) <= len(self.levels):
            raise ValueError(f"data.levels must name different columns, and not {self.image!r}, got {[*self.levels]}")
        if self.level_names is None:
            try:
                level_names_checked(self.levels)
            except TaxonomyError as error:
                raise ValueError(
                    f"data.levels names columns that levels cannot be called as ({error}): data.level_names "
                    "gives the levels other names"
                ) from None
        elif len(self.level_names) != len(self.levels):
            raise ValueError(
                f"data.level_names holds {many(len(self.level_names), 'name')}, but data.levels "
                f"{many(len(self.levels), 'column')}"
            )
        return self

    def own_levels(self) -> tuple[str, ...]:
        return self.level_names or level_names_checked(self.levels)

    def rows(self) -> "HfRows":
        """The splits and the classes of their rows.

        Raises:
            DataError, TaxonomyError, ConfigError: see `read_rows`.
        """
        from hmlc_ray.folders.hf_labels import read_rows

        return read_rows(self.root, self.image, self.levels, self.splits)


class Cifar100Config(DataSection):
    """CIFAR-100 as torchvision reads it; its 10,000 test images are the test split."""

    LEVELS: ClassVar[Levels] = {
        "official": ("superclass", "class"),
        "five-levels": ("realm", "group", "subgroup", "superclass", "class"),
    }
    kind: Literal["cifar100"] = "cifar100"
    taxonomy: CifarTaxonomy = "official"  # type: ignore[assignment]
    """`official`: 20 superclasses -> 100 classes; `five-levels`: 2 -> 4 -> 8 -> 20 -> 100 (arXiv 2303.05689)."""
    root: Annotated[str, OnDisk()] = Field("data", min_length=1)
    """The folder that holds `cifar-100-python`."""
    download: bool = False
    limit: int | None = Field(None, ge=500)
    """Use this many training images (a stratified subset) instead of all 50,000."""


class ImageFilesSection(StoredSection):
    """A published set of image files."""

    root: Annotated[str, OnDisk()] = Field(min_length=1)


class GroceryConfig(ImageFilesSection):
    """Grocery Store (arXiv 1901.00711): 3 departments -> 43 groups -> 81 products, imbalanced; splits given."""

    LEVELS = ("department", "group", "product")
    kind: Literal["grocery"] = "grocery"


class TinyImagenetConfig(ImageFilesSection):
    """Tiny ImageNet, WordNet tree: lexicographer file -> super -> mid -> synset; its `val` is the test split."""

    LEVELS = ("lexfile", "super", "mid", "synset")
    kind: Literal["tiny-imagenet"] = "tiny-imagenet"


DataConfig = Annotated[
    DigitsConfig
    | MnistConfig
    | Cifar100Config
    | ImageFolderConfig
    | ManifestConfig
    | HfDatasetConfig
    | GroceryConfig
    | TinyImagenetConfig
    | ModelNetConfig
    | MeshFolderConfig
    | PointFolderConfig
    | PrimitivesConfig
    | FeaturesConfig,
    BY_KIND,
]


class ViewsConfig(Section):
    """The random views of an image, drawn per sample and in one batch on the training device."""

    kind: Literal["images"] = "images"
    crop_scale: tuple[float, float] = (0.5, 1.0)
    """Share of the area kept by the random resized crop."""
    crop_ratio: tuple[float, float] = (0.75, 4 / 3)
    flip: float = Field(0.0, ge=0, le=1)
    """Probability of a horizontal flip; 0 where mirror images change the class, as with digits."""
    rotation: float = Field(0.0, ge=0, le=180)
    """Largest rotation in degrees."""
    color_jitter: float = Field(0.0, ge=0, le=2)
    """Strength s of brightness, contrast and saturation jitter (0.8 s each) and hue (0.2 s)."""
    color_jitter_probability: float = Field(0.8, ge=0, le=1)
    grayscale: float = Field(0.0, ge=0, le=1)
    blur: float = Field(0.0, ge=0, le=1)
    """Probability of a Gaussian blur with sigma drawn from [0.1, 2]."""
    noise: float = Field(0.0, ge=0, le=1)
    """Standard deviation of additive Gaussian noise, for intensities in [0, 1]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.crop_scale
        if not 0 < low <= high <= 1:
            raise ValueError(f"crop_scale must satisfy 0 < low <= high <= 1, got [{low}, {high}]")
        low, high = self.crop_ratio
        if not 0 < low <= high:
            raise ValueError(f"crop_ratio must satisfy 0 < low <= high, got [{low}, {high}]")
        return self


AnyViewsConfig = Annotated[ViewsConfig | PointViewsConfig | FeatureViewsConfig, BY_KIND]
