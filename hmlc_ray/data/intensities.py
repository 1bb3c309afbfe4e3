"""Gray images of more than 8 bits to 8 bits, by one rule for all files, so that their brightness stays comparable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hmlc_ray.arrays import ByteArray

_BITS, _WHITE_IS_ZERO, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_UNSIGNED, _SIGNED = 1, 2  # values of the last
_ROUNDING = 1e-3  # what resampling and compression add beyond 0 and 1

Values = npt.NDArray[Any]


class BadImage(ValueError):
    """The file is not an intact image, or not one that may be read; the message says why, to follow the file's name."""


def is_deep(image: Image.Image) -> bool:
    """Whether the pixels are wider than 8 bits, or signed, in one channel."""
    return image.mode.startswith("I") or image.mode == "F" or (image.mode == "L" and _tag(image, _SAMPLE_FORMAT) == 2)


def to_eight_bits(image: Image.Image, value_range: tuple[float, float] | None) -> Image.Image:
    """Mode L, or LA where a value means that a pixel is transparent.

    Unsigned integers of up to 16 bits keep their upper 8 bits, floats are taken as 0 to 1; with a range, values are
    scaled linearly from there and clipped.

    Raises:
        BadImage: without a range, for other integers, and for floats that are not between 0 and 1; for floats that
            are not numbers.
    """
    values = _values(image)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadImage("it holds values that are not finite numbers")
    gray = _by_rule(image, values) if value_range is None else _scaled(values, *value_range)
    if _tag(image, _WHITE_IS_ZERO) == 0:
        gray = 255 - gray
    plain = Image.fromarray(gray)
    key = image.info.get("transparency")
    if isinstance(key, int):
        plain.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return plain


def _values(image: Image.Image) -> Values:
    values = np.asarray(image)
    if image.mode == "L":
        return values.view(np.int8)
    if image.mode == "I" and _tag(image, _BITS) == 32 and _tag(image, _SAMPLE_FORMAT) == _UNSIGNED:
        return values.view(np.uint32)  # Pillow reads them as signed
    return values


def _by_rule(image: Image.Image, values: Values) -> ByteArray:
    low, high = values.min(), values.max()
    shown = f"from {low:g} to {high:g}" if values.dtype.kind == "f" else f"from {low} to {high}"
    setting = "data.value_range: [low, high] says which values become black and white"
    if image.mode == "F":
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise BadImage(f"it holds floats {shown}, and not 0 to 1; {setting}")
        return _scaled(values, 0, 1)
    bits = _unsigned_bits(image)
    if bits is None:
        raise BadImage(f"it holds integers {shown} that are signed or have 32 bits; {setting}")
    return np.asarray(values >> (bits - 8)).astype(np.uint8)


def _unsigned_bits(image: Image.Image) -> int | None:
    """Width of unsigned integers; None for signed ones, and where the width is not meaningful."""
    if image.format == "TIFF":
        return (_tag(image, _BITS) or 16) if image.mode.startswith("I;16") else None
    # Pillow scales a PGM of more than 8 bits to 16, and older versions of it read a PNG of 16 bits as 32.
    return 16 if image.mode.startswith("I;16") or image.format in ("PPM", "PNG") else None


def _scaled(values: Values, low: float, high: float) -> ByteArray:
    shares = (values.astype(np.float64) - low) / (high - low)
    return np.asarray(np.rint(shares.clip(0, 1) * 255)).astype(np.uint8)


def _tag(image: Image.Image, number: int) -> int | None:
    """The value of a TIFF's tag, or the first of several; None for other files."""
    value = getattr(image, "tag_v2", {}).get(number)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else None
