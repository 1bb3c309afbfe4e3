"""Tiny ImageNet: 200 synsets of ImageNet at 64x64, with a tree from WordNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hmlc_ray.config.data import TinyImagenetConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.splits import divide
from hmlc_ray.data.stored import Listing, read_splits
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.json_text import parse_json
from hmlc_ray.folders import IMAGE_SUFFIXES
from hmlc_ray.folders.walk import entries, is_folder, sample_files
from hmlc_ray.names.cut import cut
from hmlc_ray.tables.csv_files import BadTable, read_lines
from hmlc_ray.tables.leaf_table import read_text
from hmlc_ray.taxonomies.wordnet import DEFAULT_KEYS, from_synset_table
from hmlc_ray.taxonomy import Taxonomy

HIERARCHY_NAME = "wordnet_hierarchy.json"


def load(config: TinyImagenetConfig) -> DataSet:
    """uint8 [N, 3, image_size, image_size], leaves in the order of their WordNet ids.

    `root` holds `train/<wnid>/` and `val/<wnid>/` with images (in a folder `images` below, as published, or directly),
    or `val/images/` with `val_annotations.txt`, as published; and `wordnet_hierarchy.json`, which gives for each wnid
    its `lexfile`, `super_name` and `mid_name`. The labels of the published test images are secret, so `val` is the
    test split and a validation split is drawn from `train`.

    Raises:
        DataError: if the tree, a class folder or an image is missing or unreadable.
    """
    root = Path(config.root).expanduser().absolute()
    train_folder = root / "train"
    wnids = [name for name in entries(train_folder)[0] if name[0] == "n"] if is_folder(train_folder) else []
    if not wnids:
        raise DataError(f"{str(root)!r} holds no folder train/<wnid>")
    taxonomy = _read_tree(root / HIERARCHY_NAME, wnids)
    train = {wnid: _images(root / "train" / wnid) for wnid in wnids}
    test = _annotated(root / "val", wnids) or {wnid: _images(root / "val" / wnid) for wnid in wnids}
    splits = read_splits({"train": _listing(train), "test": _listing(test)}, config, root, channels=3)
    return divide(config, taxonomy, splits["train"], test=splits["test"])


def _read_tree(file: Path, wnids: list[str]) -> Taxonomy:
    needed = f"which must give each wnid in train its {', '.join(DEFAULT_KEYS)}"
    try:
        return from_synset_table(parse_json(read_text(file)), wnids)
    except OSError as error:
        raise DataError(f"cannot read {str(file)!r}, {needed}: {system_reason(error)}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"no tree can be made of {str(file)!r}, {needed}: {error}") from error


def _images(folder: Path) -> list[Path]:
    published = folder / "images"
    source = published if is_folder(published) else folder
    files = sample_files(source, IMAGE_SUFFIXES) if is_folder(source) else []
    if not files:
        raise DataError(f"there is no image in {str(source)!r}")
    return files


def _annotated(folder: Path, wnids: list[str]) -> dict[str, list[Path]] | None:
    """The images that `val_annotations.txt` lists, by wnid; None where there is no such file."""
    file = folder / "val_annotations.txt"
    if not file.exists():
        return None
    found: dict[str, list[Path]] = {wnid: [] for wnid in wnids}
    for number, line in _lines(file):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        if wnid not in found or Path(name).name != name:
            raise DataError(
                f"line {number} of {str(file)!r} must be a file name and a wnid of train, got {cut(line, 60)!r}"
            )
        found[wnid].append(folder / "images" / name)
    return found


def _lines(file: Path) -> list[tuple[int, str]]:
    try:
        return list(read_lines(file))
    except (OSError, BadTable) as error:
        raise DataError(f"cannot read {str(file)!r}: {error}") from error


def _listing(files: dict[str, list[Path]]) -> Listing:
    pairs = [(file, leaf) for leaf, images in enumerate(files.values()) for file in images]
    return Listing([file for file, _ in pairs], np.array([leaf for _, leaf in pairs], dtype=np.int64))
