"""The sizes of images, by the headers of some of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hmlc_ray.data.embedded import ImageSource, bytes_of
from hmlc_ray.data.image_plugins import register_plugins
from hmlc_ray.data.png_chunks import without_metadata

MOST = 300
"""Files that are opened."""
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")


@dataclass(frozen=True)
class Pictures:
    """What the headers say."""

    opened: int
    short_side: int
    """Median of the shorter sides, in pixels; 0 where none could be opened."""
    grey: bool
    """Whether all have one channel."""
    bad: tuple[ImageSource, ...]
    """Files without a header that can be read."""


def look_at(files: Sequence[ImageSource]) -> Pictures:
    """Open up to `MOST` of the files, evenly spread."""
    from PIL import Image

    register_plugins()
    step = max(1, -(-len(files) // MOST))
    sides, grey, bad = [], True, []
    for file in files[::step]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with bytes_of(file) as stream, Image.open(without_metadata(stream, pixels=False)) as image:
                    sides.append(min(image.size))
                    grey = grey and image.mode in _GREY
        except Exception:  # as Pillow's decoders raise
            bad.append(file)
    return Pictures(len(sides) + len(bad), int(median(sides)) if sides else 0, bool(sides) and grey, tuple(bad))
