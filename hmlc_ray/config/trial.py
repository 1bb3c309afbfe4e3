"""TrialConfig: everything that decides one training run, and the one source of truth for it."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from pydantic import Field, model_validator

from hmlc_ray.config.base import FEATURES, POINTS, Section
from hmlc_ray.config.data import AnyViewsConfig, DataConfig, DigitsConfig, ViewsConfig
from hmlc_ray.config.encoder import (
    ConvNetConfig,
    EncoderConfig,
    HeadConfig,
    MlpConfig,
    MlpHeadConfig,
    PointNetConfig,
    feature_dim,
)
from hmlc_ray.config.features import FeatureViewsConfig
from hmlc_ray.config.marks import DefaultFor, check_bounds, marks_of
from hmlc_ray.config.modality import check_modality, check_trainable
from hmlc_ray.config.objective import GHmlcConfig, ObjectiveConfig
from hmlc_ray.config.plugins import with_plugins
from hmlc_ray.config.points import PointViewsConfig
from hmlc_ray.config.schema import SectionType, kinds, with_default_kinds
from hmlc_ray.config.training import AdamWConfig, EvaluationConfig, OptimiserConfig, TrainingConfig

if TYPE_CHECKING:
    AnyData: TypeAlias = DataConfig
    AnyEncoder: TypeAlias = EncoderConfig
    AnyObjective: TypeAlias = ObjectiveConfig
else:  # with the kinds of what is installed
    AnyData = with_plugins("data", DataConfig)
    AnyEncoder = with_plugins("encoder", EncoderConfig)
    AnyObjective = with_plugins("objective", ObjectiveConfig)


class TrialConfig(Section):
    """One training run. `model_dump(mode="json")` is the train-loop config, the checkpoint's
    `config.json` and, through `flatten`, the MLflow params."""

    seed: int = Field(0, ge=0, lt=2**32)
    data: AnyData = Field(default_factory=DigitsConfig)
    views: Annotated[AnyViewsConfig, DefaultFor(PointViewsConfig, POINTS), DefaultFor(FeatureViewsConfig, FEATURES)] = (
        Field(default_factory=ViewsConfig)
    )
    encoder: Annotated[AnyEncoder, DefaultFor(PointNetConfig, POINTS), DefaultFor(MlpConfig, FEATURES)] = Field(
        default_factory=ConvNetConfig
    )
    head: HeadConfig = Field(default_factory=MlpHeadConfig)
    objective: AnyObjective = Field(default_factory=GHmlcConfig)
    optimiser: OptimiserConfig = Field(default_factory=AdamWConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)

    @property
    def embedding_dim(self) -> int | None:
        """D; None where it depends on the data or on a model of another library."""
        return self.head.embedding_dim if isinstance(self.head, MlpHeadConfig) else feature_dim(self.encoder)

    @classmethod
    def other_defaults(cls, values: Mapping[str, Any]) -> Mapping[str, type[Section]]:
        data = values.get("data")
        kind = data.get("kind") if isinstance(data, dict) else getattr(data, "kind", None)
        modality = getattr(_kinds_of("data").get(str(kind)), "MODALITY", None)
        return {name: mark.section for name, mark in _other_defaults() if mark.modality == modality}

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, values: Any) -> Any:
        """Missing sections are filled in: validated as part of this class, they need no validators of their own."""
        if not isinstance(values, dict):
            return values
        missing: dict[str, Any] = {name: {} for name, field in cls.model_fields.items() if field.default_factory}
        return with_default_kinds(cls, missing | values)

    @model_validator(mode="after")
    def _same_modality(self) -> Self:
        check_modality(self.data, self.views, self.encoder, _kinds_of("encoder"))
        check_trainable(self.encoder, self.head, self.objective)
        return self

    @model_validator(mode="after")
    def _bounds_hold(self) -> Self:
        check_bounds(self)
        return self

    def with_regularisation(self, chosen: tuple[float, ...] | None) -> Self:
        """The same, with the probe's regularisation C per level as chosen on validation; None: to be chosen."""
        evaluation = self.evaluation.model_copy(update={"chosen_regularisation": chosen})
        return self.model_copy(update={"evaluation": evaluation})

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if self.data.train_on == "train+val" and self.evaluation.chosen_regularisation is None:
            raise ValueError(
                "data.train_on is train+val, which leaves no validation split to choose the probe's regularisation on: "
                "give it as evaluation.chosen_regularisation"
            )
        return self


@cache
def _other_defaults() -> list[tuple[str, DefaultFor]]:
    return [(name, mark) for name, field in TrialConfig.model_fields.items() for mark in marks_of(field, DefaultFor)]


@cache
def _kinds_of(name: str) -> dict[str, SectionType]:
    return kinds(TrialConfig.model_fields[name])
