"""Which point of a search space a study draws next: Optuna's samplers."""

from typing import Annotated, Literal

from pydantic import Field

from hmlc_ray.config.base import Section
from hmlc_ray.config.unions import BY_KIND


class TpeConfig(Section):
    """Optuna's tree-structured Parzen estimator."""

    kind: Literal["tpe"] = "tpe"
    startup_trials: int = Field(10, ge=1)
    """Trials drawn at random before the estimator takes over."""


class GpConfig(Section):
    """Optuna's Gaussian process over all parameters at once, for studies whose trials cost far more than the quarter of
    a second of a draw. A trial that a scheduler stopped counts with its last value.

    Parameters of single objectives, below a `branch`, are drawn at random.
    """

    kind: Literal["gp"] = "gp"
    startup_trials: int = Field(10, ge=1)
    """Trials that have ended before the process takes over from draws at random."""


class RandomConfig(Section):
    """Independent draws."""

    kind: Literal["random"] = "random"


SamplerConfig = Annotated[TpeConfig | GpConfig | RandomConfig, BY_KIND]
