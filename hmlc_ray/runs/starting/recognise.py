"""Which kind of data a folder holds, by the names of its files."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from hmlc_ray.errors import DataError, UserError
from hmlc_ray.folders.feature_places import LABELS_FILE, SUFFIXES, TABLE_FILES
from hmlc_ray.folders.hf_columns import propose_columns
from hmlc_ray.folders.hf_dataset import is_saved
from hmlc_ray.folders.litter import is_litter
from hmlc_ray.folders.manifest import read_level_names
from hmlc_ray.folders.suffixes import IMAGE_SUFFIXES, MESH_SUFFIXES, POINT_SUFFIXES, count_suffixes, is_document
from hmlc_ray.folders.walk import is_file
from hmlc_ray.names.counts import many
from hmlc_ray.names.nearest import nearest_path

Kind = Literal["image-folder", "mesh-folder", "point-folder", "manifest", "features", "hf-dataset"]
KINDS: tuple[Kind, ...] = ("image-folder", "mesh-folder", "point-folder", "manifest", "features", "hf-dataset")
_BOTH = ".ply"
_NOUNS: dict[Kind, str] = {"image-folder": "images", "mesh-folder": "meshes", "point-folder": "point clouds"}
_MOST_PLY = 5
_HEADER = 4096


def recognise(path: Path, kind: Kind | None = None) -> dict[str, Any]:
    """The `data` section for a folder or file: its kind and where it is.

    Args:
        path: absolute.
        kind: the kind, where it is known.

    Raises:
        DataError: if there is no such folder or file, it holds nothing that is known, or several kinds; or not one
            list of images, where the kind is `manifest`.
    """
    if not path.exists():
        raise DataError(f"there is no folder or file {str(path)!r}{nearest_path(path)}")
    kind = kind or (_of_file(path) if is_file(path) else _of_folder(path))
    if kind == "manifest":
        return {"kind": kind, "file": str(path if is_file(path) else _only_list(path))}
    if kind == "hf-dataset":
        return {"kind": kind, "root": str(path), **propose_columns(path)}
    return {"kind": kind, "file" if kind == "features" else "root": str(path)}


def _of_file(file: Path) -> Kind:
    suffix = file.suffix.lower()
    if suffix in SUFFIXES:
        return "features"
    if suffix == ".csv":
        return "manifest"
    archive = ": an archive has to be unpacked" if suffix in (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z") else ""
    raise DataError(
        f"{str(file)!r} is neither a table of features ({', '.join(SUFFIXES)}) nor a list of images (.csv){archive}"
    )


def _of_folder(folder: Path) -> Kind:
    if is_saved(folder):
        return "hf-dataset"
    if any(is_file(folder / name) for name in TABLE_FILES) and not _class_folders(folder):
        return "features"
    counts = _suffixes(folder)
    found: dict[Kind, int] = {
        "image-folder": sum(counts[suffix] for suffix in IMAGE_SUFFIXES),
        "mesh-folder": sum(counts[suffix] for suffix in MESH_SUFFIXES - {_BOTH}),
        "point-folder": sum(counts[suffix] for suffix in POINT_SUFFIXES - {_BOTH} if not is_document(suffix)),
    }
    if counts[_BOTH]:
        found["mesh-folder" if _has_faces(folder) else "point-folder"] += counts[_BOTH]
    there = [kind for kind, count in found.items() if count]
    if not there and any(counts[suffix] for suffix in POINT_SUFFIXES):
        return "point-folder"  # texts alone: clouds, a point per line
    if len(there) > 1:
        words = " and ".join(f"{found[kind]:,} {_NOUNS[kind]}" for kind in there)
        raise DataError(f"{str(folder)!r} holds {words}: --kind says which are the samples, {' or '.join(there)}")
    if not there:
        holds = count_suffixes(counts) or "no file"
        raise DataError(
            f"{str(folder)!r} holds nothing that is known; it may hold images, meshes or point clouds in class "
            f"folders, a table {TABLE_FILES[0]} with {LABELS_FILE}, or what save_to_disk of Hugging Face datasets "
            f"writes; it holds {holds}"
        )
    listed = there[0] == "image-folder" and not _class_folders(folder) and len(_lists(folder)) == 1
    return "manifest" if listed else there[0]


def _class_folders(folder: Path) -> list[str]:
    """Folders with samples below, as far as names show."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir() and not is_litter(entry.name)]


def _lists(folder: Path) -> list[Path]:
    """CSV files that list images with their classes."""
    found = []
    for file in sorted(folder.glob("*.csv")):
        with suppress(UserError):
            read_level_names(file)
            found.append(file)
    return found


def _only_list(folder: Path) -> Path:
    """The CSV file of a folder that lists its images.

    Raises:
        DataError: if there is none, with what is wrong with those that there are, or if there are several.
    """
    lists = _lists(folder)
    if len(lists) == 1:
        return lists[0]
    if lists:
        names = ", ".join(file.name for file in lists)
        raise DataError(
            f"{str(folder)!r} has {many(len(lists), 'list')} of images, {names}: give the one to use by its path"
        )
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise DataError(f"{str(folder)!r} has no list of images: --kind manifest needs a .csv file in it")
    try:
        read_level_names(files[0])
    except UserError as error:
        raise DataError(f"no .csv file in {str(folder)!r} is a list of images: {error}") from error
    return files[0]  # it was mended meanwhile


def _suffixes(folder: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()  # a link may lead to a folder that contains it
    for path, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not is_litter(name)]
        counts.update(os.path.splitext(name)[1].lower() for name in files if not is_litter(name))
    return counts


def _has_faces(folder: Path) -> bool:
    """Whether PLY files are meshes, by the headers of the first ones."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() == _BOTH and not is_litter(file.name))
    for _, file in zip(range(_MOST_PLY), files, strict=False):
        with suppress(OSError), file.open("rb") as stream:
            for line in stream.read(_HEADER).split(b"end_header")[0].splitlines():
                words = line.split()
                if words[:2] == [b"element", b"face"] and words[2:] != [b"0"]:
                    return True
    return False
