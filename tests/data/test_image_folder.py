"""Images become bytes as Pillow and torchvision would make them; broken ones are named or counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from made_images import TREE, make_images
from PIL import Image

import hmlc_ray.compute.torchvision_shim  # noqa: F401
from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.images import decode
from hmlc_ray.errors import ConfigError, DataError

v2 = import_module("torchvision.transforms.v2")


def config(root: Path, **values: object) -> ImageFolderConfig:
    return ImageFolderConfig.model_validate({"root": str(root), "image_size": 8, **values})


def test_a_nested_folder_becomes_a_data_set(tmp_path: Path) -> None:
    data = load_data(config(make_images(tmp_path), level_names=["realm", "kind"]))
    assert data.val is not None
    assert data.taxonomy.level_names == ("realm", "kind")
    assert data.taxonomy.class_names == (("animal", "thing"), ("cat", "dog", "car"))
    assert data.input_shape == (3, 8, 8)
    assert [len(part) for part in (data.train, data.val, data.test)] == [6, 3, 3]
    assert data.val.leaf.tolist() == data.test.leaf.tolist() == [0, 1, 2]
    assert data.fingerprint == load_data(config(tmp_path, level_names=["realm", "kind"])).fingerprint


def test_given_splits_are_kept_in_the_order_of_files(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        make_images(tmp_path / split, count=count)
    data = load_data(config(tmp_path))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [9, 6, 3]
    last = decode(tmp_path / "val" / "thing" / "car" / "1.png", 3, 8)
    assert torch.equal(data.val.at(torch.tensor([5]))[0], torch.tensor(last))


def test_flat_folders_take_their_tree_from_the_table(tmp_path: Path) -> None:
    make_images(tmp_path, ("cat", "dog", "car"))
    (tmp_path / "taxonomy.csv").write_text("leaf,kind\ncat,animal\ndog,animal\ncar,thing\n")
    taxonomy = load_data(config(tmp_path)).taxonomy
    assert taxonomy.level_names == ("kind", "leaf")
    assert taxonomy.leaf_paths.tolist() == [[0, 0], [1, 1], [1, 2]]


@pytest.mark.parametrize("size", [(20, 20), (31, 20), (20, 47), (5, 7), (8, 8)])
def test_resize_and_crop_follow_torchvision(tmp_path: Path, size: tuple[int, int]) -> None:
    """Within rounding: the crop is taken at sub-pixel precision, torchvision's at whole pixels after the resize."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    Image.fromarray(np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)).save(tmp_path / "0.png")
    image = Image.open(tmp_path / "0.png")
    theirs = np.asarray(v2.Compose([v2.Resize(8), v2.CenterCrop(8)])(image)).transpose(2, 0, 1)
    ours = decode(tmp_path / "0.png", 3, 8)
    assert ours.shape == (3, 8, 8)
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 16  # half an output pixel of the ramp


def _palette(image: Image.Image) -> Image.Image:
    image = image.quantize(16)
    image.info["transparency"] = bytes([255] * 16)
    return image


CONVERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "gray": lambda image: image.convert("L"),
    "alpha": lambda image: image.convert("RGBA"),
    "one bit": lambda image: image.convert("1"),
    "palette with transparency": _palette,
    "16 bit": lambda image: Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=CONVERSIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_format_is_read_without_warnings(
    tmp_path: Path, convert: Callable[[Image.Image], Image.Image], channels: int
) -> None:
    flat = Image.new("RGB", (9, 9), (200, 200, 200))
    convert(flat).save(tmp_path / "0.png")
    pixels = decode(tmp_path / "0.png", channels, 8)
    assert pixels.shape == (channels, 8, 8)
    expected = 200 if convert is not CONVERSIONS["one bit"] else pixels.mean()
    assert abs(pixels.mean() - expected) <= 1


def test_orientation_tags_are_obeyed(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16))
    image.paste((255, 255, 255), (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the white top becomes the right side
    image.save(tmp_path / "0.png", exif=exif)
    pixels = decode(tmp_path / "0.png", 1, 8)[0]
    assert pixels[:, :3].max() < 64 < 192 < pixels[:, 5:].min()


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:60])


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "truncated": _truncate,
    "empty": lambda file: file.write_bytes(b""),
    "no image": lambda file: file.write_text("hello"),
    "bad checksum": lambda file: file.write_bytes(file.read_bytes()[:45] + b"\0\0\0\0" + file.read_bytes()[49:]),
    "dangling link": lambda file: (file.unlink(), file.symlink_to("nowhere.png")),
    "link to itself": lambda file: (file.unlink(), file.symlink_to(file.name)),
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_a_broken_image_is_named_or_skipped_and_counted(
    tmp_path: Path, breakage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    bad = make_images(tmp_path, count=5) / "animal" / "dog" / "2.png"
    breakage(bad)
    with pytest.raises(DataError, match=r"cannot read the image .*dog/2\.png.*on_bad_file: skip") as caught:
        load_data(config(tmp_path))
    assert "\n" not in str(caught.value)
    with caplog.at_level(logging.WARNING):
        data = load_data(config(tmp_path, on_bad_file="skip"))
    assert data.val is not None
    parts = (data.train, data.val, data.test)
    assert sum(map(len, parts)) == 14
    assert torch.bincount(torch.cat([part.leaf for part in parts])).tolist() == [5, 4, 5]
    assert "1 of 15 images were skipped; the first: cannot read the image" in caplog.text


def test_a_bomb_is_a_broken_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cat/0\.png': it has 12 x 10 pixels, more than data\.max_pixels \(50\)"):
        load_data(config(make_images(tmp_path), max_pixels=50))


def test_too_few_images_of_a_class_are_named(tmp_path: Path) -> None:
    make_images(tmp_path, TREE, count=2)
    with pytest.raises(DataError, match="leaf 'cat' has 2 training samples, but at least 3 are needed"):
        load_data(config(tmp_path))


def test_level_names_must_fit_the_depth(tmp_path: Path) -> None:
    make_images(tmp_path)
    with pytest.raises(ConfigError, match="level_names holds 1 name, but there are 2 levels"):
        load_data(config(tmp_path, level_names=["kind"]))
