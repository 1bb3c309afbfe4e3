"""Images, point clouds or features: data, views and encoder have to be for the same."""

from __future__ import annotations

from typing import Any, Literal

from hmlc_ray.config.base import Section
from hmlc_ray.config.data import AnyViewsConfig, DataConfig
from hmlc_ray.config.encoder import (
    DgcnnConfig,
    EncoderConfig,
    HeadConfig,
    IdentityConfig,
    IdentityHeadConfig,
    MlpConfig,
    PointNetConfig,
)
from hmlc_ray.config.features import FeatureViewsConfig
from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.config.points import POINT_KINDS, PointSetSection, PointViewsConfig

Modality = Literal["images", "points", "features"]
_DEFAULTS: dict[Modality, dict[str, type[Section]]] = {
    "images": {},
    "points": {"views": PointViewsConfig, "encoder": PointNetConfig},
    "features": {"views": FeatureViewsConfig, "encoder": MlpConfig},
}
_GIVES = {"images": "images", "points": "point clouds", "features": "rows of features"}
_TAKES: dict[Modality, tuple[str, ...]] = {
    "points": ("pointnet", "dgcnn", "mlp"),
    "features": ("mlp", "identity"),
}
_WITHOUT_PARAMETERS = ("simclr", "supcon", "sum-supcon", "hmc", "hce", "hmce", "g-hmlc", "bhcl")


def modality_of(kind: str | None) -> Modality:
    """What data sets of a kind give."""
    if kind == "features":
        return "features"
    return "points" if kind in POINT_KINDS else "images"


def defaults_of(data: Any) -> dict[str, type[Section]]:
    """The sections that are of other classes than for images where they give no kind.

    Args:
        data: the data section, validated or not.
    """
    kind = data.get("kind") if isinstance(data, dict) else getattr(data, "kind", None)
    return _DEFAULTS[modality_of(kind)]


def check_modality(data: DataConfig, views: AnyViewsConfig, encoder: EncoderConfig) -> None:
    """Check that data, views and encoder are for the same kind of sample, and that there are enough points.

    Raises:
        ValueError: one sentence that names both keys and what is allowed.
    """
    given = modality_of(data.kind)
    if views.kind != given:
        raise ValueError(
            f"views.kind is {views.kind}, but data.kind {data.kind} gives {_GIVES[given]}: views.kind must be {given}"
        )
    taken = _taken(encoder)
    if given not in taken:
        allowed = _TAKES.get(given, ())
        must = f": encoder.kind must be {', '.join(allowed[:-1])} or {allowed[-1]}" if allowed else ""
        raise ValueError(
            f"encoder.kind is {encoder.kind}, which takes {taken[0]}, but data.kind {data.kind} gives "
            f"{_GIVES[given]}{must}"
        )
    if isinstance(data, PointSetSection):
        assert isinstance(views, PointViewsConfig)
        assert isinstance(encoder, PointNetConfig | DgcnnConfig | MlpConfig)
        _check_points(data, views, encoder)


def check_trainable(encoder: EncoderConfig, head: HeadConfig, objective: ObjectiveConfig) -> None:
    """Check that something is left to train where neither encoder nor head has parameters.

    Raises:
        ValueError: one sentence.
    """
    if (
        isinstance(encoder, IdentityConfig)
        and isinstance(head, IdentityHeadConfig)
        and objective.kind in _WITHOUT_PARAMETERS
    ):
        raise ValueError(
            f"encoder.kind and head.kind are identity and objective.kind {objective.kind} has no parameters, so that "
            "there is nothing to train: encoder.kind must be mlp, or head.kind mlp"
        )


def _taken(encoder: EncoderConfig) -> tuple[Modality, ...]:
    kinds: tuple[Modality, ...] = tuple(modality for modality, takers in _TAKES.items() if encoder.kind in takers)
    images = encoder.kind == "mlp" or not kinds
    return ("images", *kinds) if images else kinds


def _check_points(
    data: PointSetSection, views: PointViewsConfig, encoder: PointNetConfig | DgcnnConfig | MlpConfig
) -> None:
    points = views.resample or data.num_points
    if points > data.num_points:
        raise ValueError(f"views.resample ({points}) must not exceed data.num_points ({data.num_points})")
    if isinstance(encoder, MlpConfig) and points != data.num_points:
        raise ValueError("encoder.kind is mlp, which takes clouds of one size only: views.resample must be null")
    if isinstance(encoder, DgcnnConfig) and encoder.neighbours > points:
        raise ValueError(f"encoder.neighbours ({encoder.neighbours}) must not exceed the points of a view ({points})")
