"""One image file, or the bytes of one, to pixels of 8 bits: upright, on a ground of one colour, of one size.

What a file says beside its pixels (EXIF, colour profiles, comments) decides nothing but which way up it is, and is
never written back, so that no damage there can cost the image.
"""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from hmlc_ray.arrays import ByteArray
from hmlc_ray.config.data import MAX_PIXELS, StoredSection
from hmlc_ray.data.embedded import ImageSource, bytes_of
from hmlc_ray.data.image_plugins import register_plugins
from hmlc_ray.data.intensities import BadImage, is_deep, to_eight_bits
from hmlc_ray.data.pillow_limits import lifted_limits
from hmlc_ray.data.png_chunks import without_metadata
from hmlc_ray.files.imposters import what_it_is_instead

register_plugins()

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TAIL = 64  # zeros that no compressed image ends with, but a download that reserved its room does
_NEVER_ENDS_IN_ZEROS = ("AVIF", "JPEG", "MPO", "WEBP")
_JPEG_END = b"\xff\xd9"


class Reading(NamedTuple):
    """How files become pixels, beside their size: see `StoredSection`."""

    background: tuple[int, int, int] = (255, 255, 255)
    value_range: tuple[float, float] | None = None
    max_pixels: int = MAX_PIXELS

    @classmethod
    def of(cls, config: StoredSection) -> Reading:
        """As a configuration says."""
        return cls(config.background, config.value_range, config.max_pixels)


BY_DEFAULT = Reading()


def decode(file: ImageSource, channels: int, size: int, reading: Reading = BY_DEFAULT) -> ByteArray:
    """One image, upright, resized on the short side and cropped at the centre: uint8 [channels, size, size].

    Of several frames or pages the first is taken.

    Raises:
        BadImage: where this module knows what is wrong.
        Exception: any, as Pillow's decoders raise, if it is not an intact image.
    """
    mode = "L" if channels == 1 else "RGB"
    with lifted_limits(), bytes_of(file) as stream:
        plain = _opaque(_upright(_opened(stream, reading), mode, size, reading.value_range), mode, reading.background)
        fitted = ImageOps.fit(plain, (size, size), method=Image.Resampling.BILINEAR)
    return np.atleast_3d(np.asarray(fitted)).transpose(2, 0, 1)


def _opened(stream: BinaryIO, reading: Reading) -> Image.Image:
    """The first frame, not decoded yet; its pixels are counted, and the ends that decoders read over are looked for."""
    stream = without_metadata(stream)
    try:
        image = Image.open(stream)
    except UnidentifiedImageError as error:
        stream.seek(0)
        what = what_it_is_instead(stream.read(256))
        raise BadImage(what or "it is not an image of a format that Pillow reads") from error
    width, height = image.size
    if width * height > reading.max_pixels:
        raise BadImage(
            f"it has {width} x {height} pixels, more than data.max_pixels ({reading.max_pixels}), which may be raised "
            "where there is memory for it"
        )
    if image.format == "EPS":
        raise BadImage("it is EPS, a program, which is not run")
    if image.format in _NEVER_ENDS_IN_ZEROS and _ends_in_zeros(stream):
        raise BadImage("its end is missing: there are zeros instead, as a download leaves that broke off")
    if not is_deep(image) and _has_more_bits(image):
        _take_upper_bits(image, reading.value_range)
    return image


def _take_upper_bits(image: Image.Image, value_range: tuple[float, float] | None) -> None:
    if value_range is not None:
        raise BadImage(
            "it has several channels of 16 bits, of which Pillow reads the upper 8, so that data.value_range cannot be "
            "applied; convert it to 8 bits"
        )
    key = image.info.get("transparency")
    if isinstance(key, tuple):  # a colour, still of 16 bits
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _has_more_bits(image: Image.Image) -> bool:
    """Whether the decoder drops bits of images in colour or with transparency."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    for decoder, _, _, options in tiles:
        if ";16" in str(options) or (decoder.startswith("ppm") and isinstance(options, tuple) and options[1] > 255):
            return True
    return False


def _ends_in_zeros(stream: BinaryIO) -> bool:
    """Leaves the stream where it was. A camera may fill up a block with zeros, but after the end of the image."""
    start = stream.tell()
    try:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, length - _TAIL))
        if any(stream.read()):
            return False
        stream.seek(0)
        return not stream.read().rstrip(b"\0").endswith(_JPEG_END)
    finally:
        stream.seek(start)


def _upright(image: Image.Image, mode: str, size: int, value_range: tuple[float, float] | None) -> Image.Image:
    image.draft(mode, (size, size))  # a large JPEG is decoded at a smaller scale, never below `size`
    if image.format == "TIFF":
        orientation = _orientation(image)
        # Else Pillow turns the image while it is loaded, and reads and writes the whole block for that.
        image._exif = Image.Exif()
        image._exif._loaded = True
        image.load()
    else:
        image.load()  # first, since the block may lie behind the pixels
        orientation = _orientation(image)
    if is_deep(image):
        image = to_eight_bits(image, value_range)
    return image if orientation is None else image.transpose(orientation)


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """How the image has to be turned; None where the EXIF block says nothing, or is broken."""
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # cameras and editors write what no parser foresees
        return None


def _opaque(image: Image.Image, mode: str, background: tuple[int, int, int]) -> Image.Image:
    """In `mode`, L or RGB; transparent pixels show the background, whatever colours lie under them."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if image.has_transparency_data:
        clear = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        if np.asarray(clear.getchannel("A")).min() < 255:
            clear = Image.alpha_composite(Image.new("RGBA", clear.size, (*background, 255)), clear)
        image = clear
    elif image.mode == "P":
        image = image.convert("RGB")
    return image.convert(mode)
