"""Images, point clouds or features: data, views and encoder have to be for the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hmlc_ray.config.base import FEATURES, IMAGES, POINTS, Modality, Section
from hmlc_ray.config.data import AnyViewsConfig, DataConfig
from hmlc_ray.config.encoder import EncoderConfig, HeadConfig, IdentityHeadConfig
from hmlc_ray.config.objective import ObjectiveConfig

_GIVES: dict[Modality, str] = {IMAGES: "images", POINTS: "point clouds", FEATURES: "rows of features"}


def check_modality(
    data: DataConfig, views: AnyViewsConfig, encoder: EncoderConfig, encoders: Mapping[str, type[Section]]
) -> None:
    """Check that data, views and encoder are for the same kind of sample.

    Args:
        encoders: every encoder by kind.

    Raises:
        ValueError: one sentence that names both keys and what is allowed.
    """
    modality = data.MODALITY
    given = f"data.kind {data.kind} gives {_GIVES[modality]}"
    if views.kind != modality:
        raise ValueError(f"views.kind is {views.kind}, but {given}: views.kind must be {modality}")
    if modality not in encoder.TAKES:
        fitting = [kind for kind, section in encoders.items() if modality in getattr(section, "TAKES", ())]
        raise ValueError(
            f"encoder.kind is {encoder.kind}, which takes {' and '.join(encoder.TAKES)}, but {given}: encoder.kind "
            f"must be {_either(fitting)}"
        )
    points, drawn = getattr(data, "num_points", None), getattr(views, "resample", None)
    if modality == POINTS and encoder.ONE_SIZE and drawn is not None and points is not None and drawn < points:
        raise ValueError(
            f"encoder.kind is {encoder.kind}, which takes clouds of one size only: views.resample must be null"
        )


def check_trainable(encoder: EncoderConfig, head: HeadConfig, objective: ObjectiveConfig) -> None:
    """Check that something is left to train where neither encoder nor head has parameters.

    Raises:
        ValueError: one sentence.
    """
    if not encoder.HAS_PARAMETERS and isinstance(head, IdentityHeadConfig) and not objective.HAS_PARAMETERS:
        raise ValueError(
            f"encoder.kind and head.kind are identity and objective.kind {objective.kind} has no parameters, so that "
            "there is nothing to train: encoder.kind must be mlp, or head.kind mlp"
        )


def _either(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
