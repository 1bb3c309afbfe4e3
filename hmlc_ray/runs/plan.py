"""What a single run is to be."""

from __future__ import annotations

from dataclasses import dataclass

from hmlc_ray.config.trial import TrialConfig


@dataclass(frozen=True)
class RunPlan:
    """One configuration that becomes one MLflow run."""

    config: TrialConfig
    name: str
    """Name of the MLflow run."""
    test: bool = False
    """Whether the test split is evaluated too."""
