"""Thumbnails of samples, small enough to be part of a page."""

from __future__ import annotations

import base64
import io

from PIL import Image
from torch import Tensor

from hmlc_ray.data.pictures import picture_of
from hmlc_ray.data.pixels import to_encoder_input

QUALITY = 70


def thumbnails(inputs: Tensor, side: int) -> list[str]:
    """`data:` URIs of WebP pictures whose longer side is `side` pixels; none for rows of features.

    Args:
        inputs: samples as they are stored, [n, ...].
    """
    return [] if inputs.ndim == 2 else [_thumbnail(sample, side) for sample in to_encoder_input(inputs)]


def _thumbnail(sample: Tensor, side: int) -> str:
    picture = Image.fromarray(picture_of(sample).copy())
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Pixels of small images are to be seen as they are.
    picture = picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, format="WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(written.getvalue()).decode("ascii")
