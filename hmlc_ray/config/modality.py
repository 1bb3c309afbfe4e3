"""Images or point clouds: what a data set gives, its views change and its encoder takes has to be the same."""

from __future__ import annotations

from typing import Any

from hmlc_ray.config.base import Section
from hmlc_ray.config.data import DataConfig, ViewsConfig
from hmlc_ray.config.encoder import DgcnnConfig, EncoderConfig, MlpConfig, PointNetConfig
from hmlc_ray.config.points import POINT_KINDS, PointSetSection, PointViewsConfig

_FOR_POINTS: dict[str, type[Section]] = {"views": PointViewsConfig, "encoder": PointNetConfig}


def defaults_of(data: Any) -> dict[str, type[Section]]:
    """The sections that are of other classes than for images where they give no kind.

    Args:
        data: the data section, validated or not.
    """
    kind = data.get("kind") if isinstance(data, dict) else getattr(data, "kind", None)
    return _FOR_POINTS if kind in POINT_KINDS else {}


def check_modality(data: DataConfig, views: ViewsConfig | PointViewsConfig, encoder: EncoderConfig) -> None:
    """Check that images meet images and points meet points, and that there are enough points.

    Raises:
        ValueError: one sentence that names both keys and what is allowed.
    """
    if not isinstance(data, PointSetSection):
        if isinstance(views, PointViewsConfig):
            raise ValueError(f"views.kind is points, but data.kind {data.kind} gives images: views.kind must be images")
        if isinstance(encoder, PointNetConfig | DgcnnConfig):
            raise ValueError(
                f"encoder.kind is {encoder.kind}, which takes points, but data.kind {data.kind} gives images"
            )
        return
    if isinstance(views, ViewsConfig):
        raise ValueError(
            f"views.kind is images, but data.kind {data.kind} gives point clouds: views.kind must be points"
        )
    if not isinstance(encoder, PointNetConfig | DgcnnConfig | MlpConfig):
        raise ValueError(
            f"encoder.kind is {encoder.kind}, which takes images, but data.kind {data.kind} gives point clouds: "
            "encoder.kind must be pointnet, dgcnn or mlp"
        )
    _check_points(data, views, encoder)


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
