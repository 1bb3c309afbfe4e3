"""Pictures as cameras, scanners and downloads leave them: the right pixels, or one sentence that names the file."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageCms

from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import decode as decode_module
from hmlc_ray.data import images, load_data
from hmlc_ray.data.decode import BY_DEFAULT, decode
from hmlc_ray.data.images import decode_blocks
from hmlc_ray.errors import DataError
from hmlc_ray.runs.starting.pictures import look_at

SIZE = 8
WHITE_HALF = np.repeat(np.array([[255], [0]], np.uint8), SIZE, axis=0).repeat(2 * SIZE, axis=1)  # white above black
DETAILED = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)


def config(root: Path, **values: object) -> ImageFolderConfig:
    return ImageFolderConfig.model_validate({"root": str(root), "image_size": SIZE, **values})


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def written(file: Path, image: Image.Image, **options: object) -> Path:
    image.save(file, **options)
    return file


def problem(file: Path, **reading: object) -> str | None:
    (block,) = decode_blocks([file], 3, SIZE, BY_DEFAULT._replace(**reading))
    return block.problems.get(0)


def folder_with(root: Path, name: str, content: bytes) -> Path:
    """Two classes of four sound images, and one more file in the first."""
    for leaf in ("cat", "dog"):
        (root / leaf).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(np.roll(DETAILED, 7 * i, axis=1)).save(root / leaf / f"{i}.png")
    (root / "cat" / name).write_bytes(content)
    return root


# EXIF


def exif_of_a_camera(orientation: int) -> bytes:
    """An orientation, then a tag whose value Pillow reads and fails to write back (a date where a ratio belongs)."""
    text = b"2020:01:01\0"
    entries = struct.pack("<HHII", 0x0112, 3, 1, orientation) + struct.pack("<HHII", 0x9206, 2, len(text), 38)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4) + text


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


UPRIGHT = encoded(Image.fromarray(WHITE_HALF), "JPEG", quality=95)


@pytest.mark.parametrize("value", range(1, 9))
def test_the_orientation_is_obeyed_whatever_else_the_exif_block_holds(tmp_path: Path, value: int) -> None:
    (tmp_path / "0.jpg").write_bytes(with_exif(UPRIGHT, exif_of_a_camera(value)))
    pixels = decode(tmp_path / "0.jpg", 1, SIZE)[0].astype(int)
    above, left = pixels[:3].mean() > pixels[5:].mean() + 99, pixels[:, :3].mean() > pixels[:, 5:].mean() + 99
    below, right = pixels[5:].mean() > pixels[:3].mean() + 99, pixels[:, 5:].mean() > pixels[:, :3].mean() + 99
    assert [above, below, left, right].index(True) == {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 3, 7: 3, 8: 2}[value]


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(200)),
        exif_of_a_camera(6)[:24],
        exif_of_a_camera(200),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 5, 1, 9999),
    ],
)
def test_a_broken_exif_block_costs_no_image(tmp_path: Path, exif: bytes) -> None:
    (tmp_path / "0.jpg").write_bytes(with_exif(UPRIGHT, exif))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = decode(tmp_path / "0.jpg", 1, SIZE)[0]
    assert pixels[:3].mean() > 200 > 50 > pixels[5:].mean()


def test_a_tiff_is_turned_once_and_its_tags_cost_no_image(tmp_path: Path) -> None:
    file = written(tmp_path / "0.tif", Image.fromarray(WHITE_HALF), tiffinfo={0x0112: 6, 0x8769: 3_000_000})
    pixels = decode(file, 1, SIZE)[0].astype(int)
    assert pixels[:, 5:].mean() > 200 > 50 > pixels[:, :3].mean()


def with_chunks(png: bytes, *chunks: bytes, behind: bool = False) -> bytes:
    at = len(png) - 12 if behind else 33
    return png[:at] + b"".join(chunks) + png[at:]


def chunk(name: bytes, body: bytes, *, intact: bool = True) -> bytes:
    checksum = zlib.crc32(name + body) ^ (0 if intact else 1)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


LARGE = zlib.compress(b"ab" * 2**20, 9)
XMP = b"XML:com.adobe.xmp"
METADATA = {
    "a large compressed text": chunk(b"zTXt", b"workflow\0\0" + LARGE),
    "a large international text": chunk(b"iTXt", XMP + b"\0\1\0\0\0" + LARGE),
    "texts that are large together": chunk(b"tEXt", b"prompt\0" + b"a" * 2**20) * 65,
    "a large colour profile": chunk(b"iCCP", b"p\0\0" + LARGE),
    "a colour profile of an unknown compression": chunk(b"iCCP", b"p\0\7" + LARGE),
    "a damaged colour profile": chunk(b"iCCP", b"p\0\0" + LARGE[:50], intact=False),
    "an empty colour profile": chunk(b"iCCP", b""),
    "a damaged text": chunk(b"tEXt", b"Comment\0x", intact=False),
    "a damaged EXIF block": chunk(b"eXIf", b"II*\0\x08", intact=False),
    "a resolution that is too short": chunk(b"pHYs", b"\0"),
    "a gamma that is too short": chunk(b"gAMA", b"\0"),
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("name", METADATA)
def test_what_a_png_says_beside_its_pixels_costs_no_image(tmp_path: Path, name: str, behind: bool) -> None:
    (file := tmp_path / "a.png").write_bytes(encoded(Image.fromarray(DETAILED), "PNG"))
    (other := tmp_path / "b.png").write_bytes(with_chunks(file.read_bytes(), METADATA[name], behind=behind))
    assert problem(other) is None
    np.testing.assert_array_equal(decode(other, 3, SIZE), decode(file, 3, SIZE))
    assert look_at([other]).bad == ()


def test_a_png_whose_palette_has_a_damaged_name_is_refused_as_one_that_cannot_be_read(tmp_path: Path) -> None:
    whole = encoded(Image.fromarray(DETAILED).convert("P"), "PNG")
    assert b"PLTE" in whole
    (file := tmp_path / "a.png").write_bytes(whole.replace(b"PLTE", b"PLTG"))
    assert problem(file)


RAW_EXIF = b"\nexif\n      %d\n%s\n" % (len(exif_of_a_camera(3)), exif_of_a_camera(3).hex().encode())
TURNED = b'<x:xmpmeta tiff:Orientation="3"/>'
UPSIDE_DOWN = {
    "an EXIF block": chunk(b"eXIf", exif_of_a_camera(3)[6:]),
    "a text of ImageMagick": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW_EXIF)),
    "XMP": chunk(b"iTXt", XMP + b"\0\0\0\0\0" + TURNED),
    "compressed XMP": chunk(b"iTXt", XMP + b"\0\1\0\0\0" + zlib.compress(TURNED)),
}


@pytest.mark.parametrize("name", UPSIDE_DOWN)
def test_a_png_is_turned_by_whatever_says_so(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(with_chunks(encoded(Image.fromarray(WHITE_HALF), "PNG"), UPSIDE_DOWN[name]))
    assert decode(file, 1, SIZE)[0, 0].max() == 0  # the white half is below


def test_memory_is_bounded_by_a_text_as_it_lies_in_the_file(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(2**28), 9)
    (file := tmp_path / "a.png").write_bytes(
        with_chunks(encoded(Image.fromarray(DETAILED), "PNG"), chunk(b"iTXt", XMP + b"\0\1\0\0\0" + bomb))
    )
    tracemalloc.start()
    try:
        decode(file, 3, SIZE)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def test_a_png_with_its_orientation_behind_the_pixels(tmp_path: Path) -> None:
    png = encoded(Image.fromarray(WHITE_HALF), "PNG")
    body = b"eXIf" + exif_of_a_camera(6)[6:]
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "0.png").write_bytes(png[:-12] + chunk + png[-12:])
    pixels = decode(tmp_path / "0.png", 1, SIZE)[0].astype(int)
    assert pixels[:, 5:].mean() > 200 > 50 > pixels[:, :3].mean()


# More than 8 bits

RAMP16 = np.linspace(0, 65535, SIZE * SIZE).astype(np.uint16).reshape(SIZE, SIZE)


def tiff(values: npt.NDArray[np.generic], *, white_is_zero: bool = False) -> bytes:
    """Uncompressed, of one channel, in the array's byte order."""
    order = ">" if values.dtype.byteorder == ">" else "<"
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    bits = 8 * values.dtype.itemsize
    tags = {
        256: values.shape[1], 257: values.shape[0], 258: bits, 259: 1, 262: 0 if white_is_zero else 1, 273: 8,
        277: 1, 278: values.shape[0], 279: values.nbytes, 339: kind,
    }  # fmt: skip
    directory = struct.pack(f"{order}H", len(tags))
    for tag, value in tags.items():
        directory += struct.pack(f"{order}HHII", tag, 4, 1, value)
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(f"{order}I", 8 + values.nbytes) + values.tobytes() + directory + bytes(4)


def pgm(values: npt.NDArray[np.uint16], brightest: int = 65535) -> bytes:
    return f"P5 {values.shape[1]} {values.shape[0]} {brightest}\n".encode() + values.astype(">u2").tobytes()


def text_pgm(values: npt.NDArray[np.uint16]) -> bytes:
    return f"P2\n{values.shape[1]} {values.shape[0]}\n65535\n{' '.join(map(str, values.ravel()))}\n".encode()


DEEP: dict[str, tuple[str, bytes]] = {
    "PNG": ("png", encoded(Image.fromarray(RAMP16), "PNG")),
    "PGM": ("pgm", pgm(RAMP16)),
    "PGM as text": ("pgm", text_pgm(RAMP16)),
    "PGM of 12 bits": ("pgm", pgm(RAMP16 >> 4, 4095)),
    "TIFF": ("tif", tiff(RAMP16)),
    "TIFF, big-endian": ("tif", tiff(RAMP16.astype(">u2"))),
    "TIFF, white is 0": ("tif", tiff(65535 - RAMP16, white_is_zero=True)),
    "TIFF of floats": ("tif", tiff((RAMP16 / 65535).astype("<f4"))),
    "TIFF of floats, big-endian": ("tif", tiff((RAMP16 / 65535).astype(">f4"))),
    "TIFF of floats, compressed": ("tif", encoded(Image.fromarray((RAMP16 / 65535).astype("f4")), "TIFF",
                                                  compression="tiff_lzw")),
    "JPEG 2000": ("jp2", encoded(Image.fromarray(RAMP16), "JPEG2000")),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_keep_their_shades(tmp_path: Path, name: str) -> None:
    suffix, content = DEEP[name]
    (tmp_path / f"0.{suffix}").write_bytes(content)
    for channels in (1, 3):
        pixels = decode(tmp_path / f"0.{suffix}", channels, SIZE)
        assert np.abs(pixels.astype(int) - RAMP16 / 257).max() <= 1


@pytest.mark.parametrize(
    ("values", "value_range"),
    [
        (RAMP16 // 16, (0, 4095)),
        ((RAMP16 // 16 - 1024).astype("<i2"), (-1024, 3071)),
        ((RAMP16.astype("<i4") * 1000), (0, 65535_000)),
        ((RAMP16.astype("<u4") * 65537), (0, 2**32 - 1)),
        ((RAMP16 // 256 - 128).astype("i1"), (-128, 127)),
        ((RAMP16 / 257).astype("<f4"), (0, 255)),
        ((RAMP16 / 65535 * 7 - 5).astype("<f4"), (-5, 2)),
    ],
    ids=["12 bits in 16", "signed", "32 bits", "32 bits unsigned", "8 bits signed", "floats to 255", "negative floats"],
)
def test_a_range_of_values_is_a_setting_of_the_whole_set(
    tmp_path: Path, values: npt.NDArray[np.generic], value_range: tuple[float, float]
) -> None:
    file = tmp_path / "0.tif"
    file.write_bytes(tiff(values))
    pixels = decode(file, 1, SIZE, BY_DEFAULT._replace(value_range=value_range))[0]
    assert np.abs(pixels.astype(int) - RAMP16 / 257).max() <= 1
    file.write_bytes(tiff(values[::-1, :4]))
    half = decode(file, 1, 4, BY_DEFAULT._replace(value_range=value_range))
    assert half.max() < 255, "no file is stretched to its own extremes"
    if values.dtype != np.uint16:
        assert "data.value_range: [low, high]" in str(problem(file))


def test_a_range_means_nothing_to_what_has_8_bits(tmp_path: Path) -> None:
    file = written(tmp_path / "0.png", Image.fromarray(DETAILED))
    np.testing.assert_array_equal(decode(file, 3, SIZE), decode(file, 3, SIZE, BY_DEFAULT._replace(value_range=(0, 9))))
    (tmp_path / "0.ppm").write_bytes(b"P6 8 8 4095\n" + RAMP16.astype(">u2").tobytes() * 3)
    assert "several channels of 16 bits" in str(problem(tmp_path / "0.ppm", value_range=(0, 9)))
    assert problem(tmp_path / "0.ppm") is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_floats_that_are_no_numbers_are_named(tmp_path: Path, value: float) -> None:
    values = (RAMP16 / 65535).astype("<f4")
    values[3, 3] = value
    (tmp_path / "0.tif").write_bytes(tiff(values))
    assert "0.tif': it holds values that are not finite numbers" in str(problem(tmp_path / "0.tif"))
    assert "not finite" in str(problem(tmp_path / "0.tif", value_range=(0, 1)))


def test_a_set_that_is_nearly_black_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """12 bits that nobody said are 12 bits: read, since they may be right, but not in silence; from the cache too."""
    root = folder_with(tmp_path / "set", "x.png", encoded(Image.fromarray(RAMP16 // 16), "PNG"))
    for _ in range(2):
        caplog.clear()
        load_data(config(root))
        assert "1 of 9 images show nothing" in caplog.text
        assert "x.png" in caplog.text
        assert "data.value_range" in caplog.text
    caplog.clear()
    load_data(config(root, value_range=[0, 4095]))
    assert "show nothing" not in caplog.text


# Transparency


def clear(form: str, hidden: tuple[int, int, int]) -> tuple[str, bytes]:
    """A red square, and around it, transparent, a colour that nobody is meant to see."""
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[..., :3] = hidden
    rgba[4:12, 4:12] = (200, 0, 0, 255)
    image = Image.fromarray(rgba)
    key = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
    indexed = Image.fromarray((rgba[..., 3] > 0).astype(np.uint8), "L").convert("P")
    indexed.putpalette([*hidden, 200, 0, 0])
    match form:
        case "RGBA" | "WEBP" | "TIFF":
            return {"RGBA": "png"}.get(form, form.lower()), encoded(
                image, {"RGBA": "PNG"}.get(form, form), **({"lossless": True, "exact": True} if form == "WEBP" else {})
            )
        case "key":
            return "png", encoded(key, "PNG", transparency=hidden)
        case "P":
            return "png", encoded(indexed, "PNG", transparency=0)
        case "P with alphas":
            return "png", encoded(indexed, "PNG", transparency=bytes([0, 255]))
        case "GIF":
            return "gif", encoded(indexed, "GIF", transparency=0)
        case "16 bits":
            return "png", png_of_16_bits(rgba)
        case "key of 16 bits":
            return "png", png_of_16_bits(rgba[..., :3], key=struct.pack(">3H", *(257 * value for value in hidden)))
        case _:
            raise AssertionError(form)


def png_of_16_bits(pixels: npt.NDArray[np.uint8], key: bytes | None = None) -> bytes:
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in pixels)
    return png(pixels.shape[1], pixels.shape[0], 16, {3: 2, 4: 6}[pixels.shape[2]], rows, key)


def png(width: int, height: int, bits: int, colours: int, rows: bytes, key: bytes | None = None) -> bytes:
    """Of rows as they are, whether or not they fill the image; the colour `key` is transparent."""
    middle = [] if key is None else [(b"tRNS", key)]
    head = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", head), *middle, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


FORMS = ["RGBA", "WEBP", "TIFF", "key", "P", "P with alphas", "GIF", "16 bits", "key of 16 bits"]


@pytest.mark.parametrize("form", FORMS)
def test_what_lies_under_transparency_is_not_seen(tmp_path: Path, form: str) -> None:
    pictures = []
    for hidden in ((0, 0, 0), (10, 200, 30)):
        suffix, content = clear(form, hidden)
        (tmp_path / f"0.{suffix}").write_bytes(content)
        pictures.append(decode(tmp_path / f"0.{suffix}", 3, SIZE))
    np.testing.assert_array_equal(*pictures)
    assert pictures[0][:, 0, 0].tolist() == [255, 255, 255]
    assert pictures[0][:, 4, 4].tolist() == [200, 0, 0]
    blue = decode(tmp_path / f"0.{suffix}", 3, SIZE, BY_DEFAULT._replace(background=(0, 0, 90)))
    assert blue[:, 0, 0].tolist() == [0, 0, 90]
    assert blue[:, 4, 4].tolist() == [200, 0, 0]


def gray_key(values: npt.NDArray[np.generic], key: int) -> Callable[[], bytes]:
    return lambda: encoded(Image.fromarray(values), "PNG", transparency=key)


@pytest.mark.parametrize(
    "content",
    [
        lambda: encoded(Image.merge("LA", [Image.new("L", (9, 9), 77), Image.new("L", (9, 9), 0)]), "PNG"),
        gray_key(np.full((9, 9), 77, np.uint8), 77),
        lambda: encoded(Image.fromarray(np.full((9, 9), True)), "PNG", transparency=1),
    ],
    ids=["LA", "L", "1"],
)
def test_gray_under_transparency_is_not_seen(tmp_path: Path, content: Callable[[], bytes]) -> None:
    (tmp_path / "0.png").write_bytes(content())
    for channels in (1, 3):
        assert (decode(tmp_path / "0.png", channels, SIZE) == 255).all()
        assert (decode(tmp_path / "0.png", channels, SIZE, BY_DEFAULT._replace(background=(9, 9, 9))) == 9).all()


@pytest.mark.parametrize("mode", ["La", "RGBa", "PA", "LA", "RGBA"])
def test_half_transparent_pixels_are_mixed_with_the_ground(mode: str) -> None:
    image = Image.new("RGBA", (9, 9), (100, 100, 100, 51))
    if mode == "PA":
        palette = Image.new("P", (9, 9), 1)
        palette.putpalette([0, 0, 0, 100, 100, 100])
        image = palette.convert("PA")
        image.putalpha(51)
    else:
        image = image.convert("LA").convert(mode) if mode == "La" else image.convert(mode)
    for channel in decode_module._opaque(image, "RGB", (255, 255, 255)).getextrema():
        assert channel == pytest.approx((224, 224), abs=2)


# Colour spaces


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 30)])
@pytest.mark.parametrize(
    ("space", "form", "suffix"),
    [("CMYK", "JPEG", "jpg"), ("CMYK", "TIFF", "tif"), ("YCbCr", "JPEG", "jpg"), ("LAB", "TIFF", "tif")],
)
def test_other_colour_spaces_come_out_in_their_colours(
    tmp_path: Path, colour: tuple[int, int, int], space: str, form: str, suffix: str
) -> None:
    image = Image.new("RGB", (16, 16), colour)
    if space == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    else:
        image = image.convert(space)
    options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    (tmp_path / f"0.{suffix}").write_bytes(encoded(image, form, **options))
    pixels = decode(tmp_path / f"0.{suffix}", 3, SIZE)
    rounding = 24 if space == "LAB" else 4  # 8 bits of Lab are coarse where colours are saturated
    assert np.abs(pixels.astype(int) - np.array(colour)[:, None, None]).max() <= rounding
    gray = decode(tmp_path / f"0.{suffix}", 1, SIZE)
    assert np.abs(gray.astype(int) - np.asarray(Image.new("RGB", (1, 1), colour).convert("L"))).max() <= rounding


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken(tmp_path: Path, form: str) -> None:
    first, second = (Image.new("RGB", (9, 9), colour) for colour in ((200, 0, 0), (0, 0, 200)))
    (tmp_path / "0.img").write_bytes(encoded(first, form, save_all=True, append_images=[second]))
    red, _, blue = decode(tmp_path / "0.img", 3, SIZE).mean(axis=(1, 2))
    assert (red > 180, blue < 20) == (True, True)


# Too large


@pytest.mark.parametrize("cache", ["auto", "none"])
def test_a_picture_too_large_names_the_file_its_size_and_the_setting(tmp_path: Path, cache: str) -> None:
    root = folder_with(tmp_path / "set", "map.png", png(20_000, 20_000, 8, 0, b""))
    with pytest.raises(DataError, match=r"map\.png': it has 20000 x 20000 pixels, .*data\.max_pixels \(178956970\)"):
        load_data(config(root, cache=cache))
    assert len(load_data(config(root, cache=cache, on_bad_file="skip", test_fraction=0.5)).test) == 4


def test_a_picture_too_large_can_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own limit, here made small, neither stands in the way nor is lost for others."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "GIF"):
        (tmp_path / "0.img").write_bytes(encoded(Image.fromarray(DETAILED), form))
        assert problem(tmp_path / "0.img") is None
        assert "more than data.max_pixels (9215)" in str(problem(tmp_path / "0.img", max_pixels=9215))
        assert problem(tmp_path / "0.img", max_pixels=9216) is None
    assert Image.MAX_IMAGE_PIXELS == 10


# Damage


def half(form: str, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        content = encoded(Image.fromarray(DETAILED), form, **options)
        return content[: len(content) // 2]

    return make


def zeroed(form: str, share: float, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        content = encoded(Image.fromarray(DETAILED), form, **options)
        kept = int(len(content) * share)
        return content[:kept] + bytes(len(content) - kept)

    return make


DAMAGED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("jpg", lambda: b"", "the file is empty"),
    "zeros": ("jpg", lambda: bytes(5000), "it holds zeros"),
    "a web page": ("jpg", lambda: b"\xef\xbb\xbf\n <!DOCTYPE html><html></html>", "it is a web page"),
    "an LFS pointer": ("png", lambda: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    "a drawing program": ("png", lambda: encoded(Image.fromarray(DETAILED), "EPS"), "it is EPS"),
    "a text": ("png", lambda: b"404: not found", "not an image of a format that Pillow reads"),
    "a JPEG cut off": ("jpg", half("JPEG"), "truncated"),
    "a progressive JPEG cut off": ("jpg", half("JPEG", progressive=True), "truncated"),
    "a PNG cut off": ("png", half("PNG"), "cannot read the image"),
    "a GIF cut off": ("gif", half("GIF"), "cannot read the image"),
    "a WebP cut off": ("webp", half("WEBP"), "cannot read the image"),
    "a TIFF cut off": ("tif", half("TIFF"), "cannot read the image"),
    "a BMP cut off": ("bmp", half("BMP"), "truncated"),
    "a PNG whose rest never came": ("png", zeroed("PNG", 0.6), "do not match their checksum"),
    "a JPEG whose rest never came": ("jpg", zeroed("JPEG", 0.6, quality=100, subsampling=0), "its end is missing"),
    "a WebP whose rest never came": ("webp", zeroed("WEBP", 0.6), "its end is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_one_sentence_with_the_name(tmp_path: Path, name: str) -> None:
    suffix, content, said = DAMAGED[name]
    (tmp_path / f"the file.{suffix}").write_bytes(content())
    sentence = problem(tmp_path / f"the file.{suffix}")
    assert sentence is not None
    assert sentence.startswith(f"cannot read the image {str(tmp_path / f'the file.{suffix}')!r}")
    assert said in sentence
    assert "\n" not in sentence


def test_a_camera_may_fill_up_its_block_behind_the_image(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").write_bytes(UPRIGHT + bytes(4096))
    assert problem(tmp_path / "0.jpg") is None


def test_a_png_whose_pixels_are_whole_is_read_without_its_end(tmp_path: Path) -> None:
    content = encoded(Image.fromarray(DETAILED), "PNG")
    (tmp_path / "0.png").write_bytes(content)
    (tmp_path / "1.png").write_bytes(content[:-12])
    np.testing.assert_array_equal(decode(tmp_path / "0.png", 3, SIZE), decode(tmp_path / "1.png", 3, SIZE))


def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.jpg")
    assert "it is not a regular file" in str(problem(tmp_path / "0.jpg"))


@pytest.mark.parametrize(
    "error",
    [
        SyntaxError("a\nb"), struct.error("x"), OverflowError("x"), MemoryError(), RuntimeError("x"), zlib.error("x"),
        EOFError(), KeyError(7), AttributeError("x"), ZeroDivisionError(), TypeError("x"), IndexError("x"),
        AssertionError(), RecursionError("x"), UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), NotImplementedError(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("cache", ["memory", "none"])
def test_whatever_a_decoder_raises_names_the_file_and_can_be_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, cache: str
) -> None:
    root = folder_with(tmp_path / "set", "odd.png", encoded(Image.new("RGB", (11, 7)), "PNG"))
    decoder = images.decode

    def fail(file: str | Path, *rest: object) -> object:
        if str(file).endswith("odd.png"):
            raise error
        return decoder(file, *rest)

    monkeypatch.setattr(images, "decode", fail)
    with pytest.raises(DataError, match=rf"odd\.png' \({type(error).__name__}") as caught:
        load_data(config(root, cache=cache))
    assert "\n" not in str(caught.value)
    data = load_data(config(root, cache=cache, on_bad_file="skip"))
    assert len(data.train) + len(data.val or ()) + len(data.test) == 8


def test_every_place_gives_the_same_pixels_with_the_same_settings(tmp_path: Path) -> None:
    """Decoded for every batch as well as from the cache, whose entries depend on the settings."""
    root = folder_with(tmp_path / "set", "x.tif", tiff(RAMP16 // 16))
    (root / "dog" / "y.png").write_bytes(clear("RGBA", (0, 99, 0))[1])
    found = {}
    for background in ((0, 0, 0), (255, 255, 255)):
        for cache in ("memory", "disk", "none"):
            data = load_data(config(root, cache=cache, background=background, value_range=[0, 4095]))
            parts = [part.at(torch.arange(len(part))) for part in (data.train, data.val, data.test) if part]
            found[background, cache] = torch.cat(parts)
        assert torch.equal(found[background, "memory"], found[background, "disk"])
        assert torch.equal(found[background, "memory"], found[background, "none"])
    assert not torch.equal(found[(0, 0, 0), "disk"], found[(255, 255, 255), "disk"])
