"""TrialConfig: everything that decides one training run, and the one source of truth for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from hmlc_ray.config.base import Section
from hmlc_ray.config.data import AnyViewsConfig, DataConfig, DigitsConfig, ViewsConfig
from hmlc_ray.config.encoder import ConvNetConfig, EncoderConfig, HeadConfig, MlpHeadConfig, feature_dim
from hmlc_ray.config.modality import check_modality, check_trainable, defaults_of
from hmlc_ray.config.objective import GHmlcConfig, ObjectiveConfig
from hmlc_ray.config.schema import with_default_kinds
from hmlc_ray.config.training import AdamWConfig, EvaluationConfig, OptimiserConfig, TrainingConfig


class TrialConfig(Section):
    """One training run. `model_dump(mode="json")` is the train-loop config, the checkpoint's
    `config.json` and, through `flatten`, the MLflow params."""

    seed: int = Field(0, ge=0, lt=2**32)
    data: DataConfig = Field(default_factory=DigitsConfig)
    views: AnyViewsConfig = Field(default_factory=ViewsConfig)
    encoder: EncoderConfig = Field(default_factory=ConvNetConfig)
    head: HeadConfig = Field(default_factory=MlpHeadConfig)
    objective: ObjectiveConfig = Field(default_factory=GHmlcConfig)
    optimiser: OptimiserConfig = Field(default_factory=AdamWConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)

    @property
    def embedding_dim(self) -> int | None:
        """D; None where it depends on the data or on a model of torchvision."""
        return self.head.embedding_dim if isinstance(self.head, MlpHeadConfig) else feature_dim(self.encoder)

    @classmethod
    def other_defaults(cls, values: Mapping[str, Any]) -> Mapping[str, type[Section]]:
        return defaults_of(values.get("data"))

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, values: Any) -> Any:
        """Missing sections are filled in: validated as part of this class, they need no validators of their own."""
        if not isinstance(values, dict):
            return values
        missing: dict[str, Any] = {name: {} for name, field in cls.model_fields.items() if field.default_factory}
        return with_default_kinds(cls, missing | values)

    @model_validator(mode="after")
    def _same_modality(self) -> TrialConfig:
        check_modality(self.data, self.views, self.encoder)
        check_trainable(self.encoder, self.head, self.objective)
        return self

    @model_validator(mode="after")
    def _schedules_fit(self) -> TrialConfig:
        if self.optimiser.warmup_epochs > self.training.epochs:
            raise ValueError(
                f"optimiser.warmup_epochs ({self.optimiser.warmup_epochs:g}) must not exceed "
                f"training.epochs ({self.training.epochs})"
            )
        return self

    def with_regularisation(self, chosen: tuple[float, ...] | None) -> TrialConfig:
        """The same, with the probe's regularisation C per level as chosen on validation; None: to be chosen."""
        evaluation = self.evaluation.model_copy(update={"chosen_regularisation": chosen})
        return self.model_copy(update={"evaluation": evaluation})

    @model_validator(mode="after")
    def _can_be_judged(self) -> TrialConfig:
        if self.data.train_on == "train+val" and self.evaluation.chosen_regularisation is None:
            raise ValueError(
                "data.train_on is train+val, which leaves no validation split to choose the probe's regularisation on: "
                "give it as evaluation.chosen_regularisation"
            )
        return self

    @model_validator(mode="after")
    def _mixture_fits(self) -> TrialConfig:
        components, dims = getattr(self.objective, "mixture_components", None), self.embedding_dim
        if components is not None and dims is not None and components > dims:
            key = "head.embedding_dim" if isinstance(self.head, MlpHeadConfig) else "the features of head.kind identity"
            raise ValueError(
                f"objective.mixture_components ({components}) must not exceed {key} ({dims}): "
                "the mixture is fitted on the embedding's dimensions"
            )
        return self
