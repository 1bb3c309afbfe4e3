"""Objectives, as configuration. The formulas are in `hmlc_ray/objectives` and `docs/objectives.md`."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hmlc_ray.config.base import Section
from hmlc_ray.config.marks import AtMost, LevelIndex, PerLevel
from hmlc_ray.config.unions import BY_KIND

Temperature = Annotated[float, Field(gt=0, le=10)]
Weight = Annotated[float, Field(ge=0)]
WeightForm = Literal["uniform", "coarse_to_fine", "fine_to_coarse", "pow2", "exp", "log_classes"]


def _some_weight(weights: WeightForm | tuple[Weight, ...]) -> WeightForm | tuple[Weight, ...]:
    if not isinstance(weights, str) and not sum(weights) > 0:
        raise ValueError("it must hold at least one positive weight")
    return weights


LevelWeights = Annotated[WeightForm | tuple[Weight, ...], AfterValidator(_some_weight), PerLevel()]
QuotaForm = Literal["free", "equal", "log_classes"]
Share = Annotated[float, Field(gt=0)]


class ObjectiveSection(Section):
    """Any objective."""

    HAS_PARAMETERS: ClassVar[bool] = False
    """Whether there is something to train in it."""

    @property
    def needs_dimension_per_level(self) -> bool:
        """Whether the embedding needs at least one dimension for each level."""
        return False


class TemperatureSection(ObjectiveSection):
    """Anything with a softmax over similarities."""

    temperature: Annotated[Temperature | tuple[Temperature, ...], PerLevel()] = 0.1
    """tau: one for all levels, or one per level (coarsest first)."""


class LevelsSection(TemperatureSection):
    """What every objective that sums over levels shares."""

    level_weights: LevelWeights = "uniform"
    """w_h: a named form, or one weight per level (coarsest first)."""
    level_ratio: float = Field(2.0, gt=0)
    """rho of the two geometric forms: each level weighs rho times its neighbour."""
    imbalance: Literal["none", "anchor", "denominator"] = "none"
    imbalance_gamma: float = Field(0.5, ge=0, le=1)
    """gamma of `imbalance: anchor`: an anchor weighs (class count)^-gamma."""
    prototype_momentum: float = Field(0.99, ge=0, lt=1)
    """EMA momentum of the class prototypes of `imbalance: denominator`."""
    chunk: int | None = Field(None, ge=1)
    """Anchors per block; bounds memory to chunk x n similarities. None: all at once."""


class SimclrConfig(TemperatureSection):
    """NT-Xent: two views, no labels (arXiv 2002.05709)."""

    kind: Literal["simclr"] = "simclr"
    temperature: Temperature = 0.1
    chunk: int | None = Field(None, ge=1)


class SupconConfig(TemperatureSection):
    """Supervised contrastive loss at one level (arXiv 2004.11362, eq. 2)."""

    kind: Literal["supcon"] = "supcon"
    temperature: Temperature = 0.1
    level: Annotated[Literal["leaf"] | Annotated[int, Field(ge=0)], LevelIndex()] = "leaf"
    """`leaf`, or the level's index (0 = coarsest)."""
    chunk: int | None = Field(None, ge=1)


class SumSupconConfig(LevelsSection):
    """SupCon at every level on the same embedding, as a weighted sum."""

    kind: Literal["sum-supcon"] = "sum-supcon"


class OrderedSection(LevelsSection):
    """What depends on the order of the levels."""

    level_order: Literal["coarse_first", "fine_first"] = "coarse_first"
    """`fine_first` is a control: the leaf level is taken for the coarsest one, and so on; lists with a value per level
    begin with the leaf then."""


class VariantSection(OrderedSection):
    """The objectives of *Use All The Labels* (arXiv 2204.13207)."""

    variant: Literal["code", "paper"] = "code"
    """`code`: as released, one sample per class kept after a level; `paper`: all pairs, the maximum per pair."""


class HmcConfig(VariantSection):
    """HiMulCon (arXiv 2204.13207): level losses weighed by phi(1/l)."""

    kind: Literal["hmc"] = "hmc"
    level_weights: LevelWeights = "pow2"


class HceConfig(VariantSection):
    """HiConE (arXiv 2204.13207): a coarser pair's loss is at least the largest finer one."""

    kind: Literal["hce"] = "hce"


class HmceConfig(VariantSection):
    """HiMulConE (arXiv 2204.13207): HiConE with HiMulCon's level weights."""

    kind: Literal["hmce"] = "hmce"
    level_weights: LevelWeights = "pow2"


class GHmlcConfig(LevelsSection):
    """G-HMLC (arXiv 2510.00837): a Gaussian mixture over feature dimensions gives one hard mask per level."""

    kind: Literal["g-hmlc"] = "g-hmlc"
    mask: Literal["mixture", "dirichlet", "argmax", "random", "none"] = "mixture"
    """How dimensions are assigned; `random`, `argmax` and `none` are the controls."""
    mixture_components: Annotated[
        int | None,
        AtMost(
            "head.embedding_dim",
            instead="embedding_dim",
            instead_called="the features of head.kind identity",
            why="the mixture is fitted on the embedding's dimensions",
        ),
    ] = Field(None, ge=1, le=64)
    """K, the mixture count (for `dirichlet` its upper bound); None: H + 1 for H levels, 2 H + 2 for `dirichlet`."""
    share_margin: float = Field(0.0, ge=0)
    """A component whose two best levels lie within this margin belongs to both."""
    quota: Annotated[QuotaForm | tuple[Share, ...], PerLevel()] = "equal"
    """How many dimensions a level gets: a named form, or one share per level (coarsest first), e.g. [0.25, 0.75]."""
    nesting: Literal["partition", "nested"] = "nested"
    """`partition`: a dimension belongs to one level; `nested`: a level also sees the dimensions of all coarser ones."""
    hardness: Literal["hard", "soft"] = "hard"
    soft_floor: float = Field(0.05, ge=0, le=1)
    """Smallest entry of a soft mask."""
    warmup_epochs: int = Field(2, ge=0)
    """Epochs with all-ones masks before the first fit."""
    refit_every: int = Field(2, ge=1)
    """Epochs between two fits."""
    freeze_fraction: float = Field(0.4, ge=0, le=1)
    """Share of training, at its end, in which masks no longer change."""
    mask_seed: int = Field(0, ge=0)

    @property
    def needs_dimension_per_level(self) -> bool:
        return self.mask != "none"


class AHmlcConfig(LevelsSection):
    """A-HMLC (arXiv 2510.00837): one attention head per level gives a soft mask per sample."""

    HAS_PARAMETERS = True
    kind: Literal["a-hmlc"] = "a-hmlc"
    attention_temperature: float = Field(1.0, gt=0, le=100)
    bottleneck: int = Field(4, ge=1, le=64)
    """r: the gate is D -> D/r -> D."""
    initial_bias: float = Field(2.0, ge=-10, le=10)
    """Bias of the last layer: +2 starts the gates near-unmasked (sigmoid(2) = 0.88)."""
    overlap_penalty: float = Field(0.0, ge=0)
    """lambda of the squared cosine between two levels' batch-mean gates."""


class MlclConfig(LevelsSection):
    """MLCL (arXiv 2502.02202): a projection head and a temperature per level, SupCon at each."""

    HAS_PARAMETERS = True
    kind: Literal["mlcl"] = "mlcl"


class BhclConfig(TemperatureSection):
    """Balanced hierarchical contrast (arXiv 2512.24074)."""

    kind: Literal["bhcl"] = "bhcl"
    unbalanced_epochs: int = Field(5, ge=0)
    prototype_momentum: float = Field(0.99, ge=0, lt=1)
    chunk: int | None = Field(None, ge=1)


class CrossEntropyConfig(ObjectiveSection):
    """One linear classifier per level on the features, as a weighted sum; `level: leaf` is the leaf classifier."""

    HAS_PARAMETERS = True
    kind: Literal["cross-entropy"] = "cross-entropy"
    level: Literal["all", "leaf"] = "all"
    level_weights: LevelWeights = "uniform"
    level_ratio: float = Field(2.0, gt=0)
    consistency_penalty: float = Field(0.0, ge=0)
    """Weight of the Jensen-Shannon divergence between neighbouring levels' predictions (as in CHBC)."""
    max_constraint: bool = False
    """Train with C-HMCNN's max-constraint loss instead of one softmax per level."""

    @model_validator(mode="after")
    def _levels_to_compare(self) -> Self:
        if self.level == "leaf" and (self.max_constraint or self.consistency_penalty):
            name = "max_constraint" if self.max_constraint else "consistency_penalty"
            raise ValueError(f"{name} compares levels, so it needs `level: all`")
        return self


ObjectiveConfig = Annotated[
    SimclrConfig
    | SupconConfig
    | SumSupconConfig
    | HmcConfig
    | HceConfig
    | HmceConfig
    | GHmlcConfig
    | AHmlcConfig
    | MlclConfig
    | BhclConfig
    | CrossEntropyConfig,
    BY_KIND,
]
