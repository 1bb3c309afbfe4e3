"""A diagnosis as files: `diagnosis.json`, tables and pictures."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from hmlc_ray.diagnosis.pictures.distances import draw_distances
from hmlc_ray.diagnosis.pictures.maps import draw_map
from hmlc_ray.diagnosis.pictures.masks import draw_mask_probes, draw_mask_sizes, draw_masks
from hmlc_ray.diagnosis.pictures.ranks import draw_ranks
from hmlc_ray.diagnosis.plain import plain
from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.errors import ConfigError, system_reason
from hmlc_ray.evaluation.confusion_files import draw_confusion
from hmlc_ray.files.atomic import staged

JSON_FILE = "diagnosis.json"
TABLES = ("mask_probes.csv", "top_confusions.csv", "map.csv")
PICTURES = (
    "ranks.png",
    "masks.png",
    "mask_probes.png",
    "mask_sizes.png",
    "leaf_confusion.png",
    "tree_distances.png",
    "map.png",
)


def check_folder(folder: Path) -> None:
    """Check that a report can be written into a folder, which is made where it is missing.

    Raises:
        ConfigError: if it is a file, or cannot be written; or if it has files of these names that no report has
            written, which would be overwritten or deleted.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"the report cannot be written to {str(folder)!r}: it is a file, and a folder is needed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _refused(folder, error) from error
    foreign = [name for name in (*TABLES, *PICTURES) if os.path.lexists(folder / name)]
    if foreign and not (folder / JSON_FILE).is_file():
        raise ConfigError(
            f"the report cannot be written to {str(folder)!r}: it has {foreign[0]!r} but no {JSON_FILE}, so that file "
            "is not from an earlier report and would be lost; choose another folder"
        )


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> list[Path]:
    """Write the files of a diagnosis into a folder; pictures and tables of what it lacks are left out.

    Raises:
        OSError: if a file cannot be written.
    """
    text = json.dumps(plain(diagnosis), indent=2, allow_nan=False, ensure_ascii=False)
    (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")
    _write_tables(diagnosis, folder)
    _draw(diagnosis, folder)
    return [folder / name for name in (JSON_FILE, *TABLES, *PICTURES) if (folder / name).exists()]


def publish(files: Iterable[Path], folder: Path) -> None:
    """Copy the files of a diagnosis to where a user wants them; those of an earlier one that it lacks are deleted.

    Raises:
        ConfigError: if they cannot be written.
    """
    given = {file.name: file for file in files}
    try:
        for name in (JSON_FILE, *TABLES, *PICTURES):
            if name not in given:
                (folder / name).unlink(missing_ok=True)
                continue
            with staged(folder / name) as part:
                shutil.copyfile(given[name], part)
    except OSError as error:
        raise _refused(folder, error) from error


def _refused(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"the report cannot be written to {str(folder)!r}: {system_reason(error)}")


def _draw(diagnosis: Diagnosis, folder: Path) -> None:
    ranks, masks, probes, sizes, confusion, distances, sample_map = (folder / name for name in PICTURES)
    draw_ranks(diagnosis, ranks)
    if diagnosis.masks is not None:
        draw_masks(diagnosis, diagnosis.masks, masks)
    if diagnosis.mask_probes is not None:
        draw_mask_probes(diagnosis, diagnosis.mask_probes, probes)
    if diagnosis.mask_sizes is not None:
        draw_mask_sizes(diagnosis, diagnosis.mask_sizes, sizes)
    leaf = diagnosis.taxonomy.num_levels - 1
    draw_confusion(diagnosis.taxonomy, leaf, diagnosis.leaf_confusion, diagnosis.split, confusion)
    if diagnosis.distances is not None:
        draw_distances(diagnosis, diagnosis.distances, distances)
    draw_map(diagnosis, sample_map)


def _write_tables(diagnosis: Diagnosis, folder: Path) -> None:
    probes, confusions, sample_map = (folder / name for name in TABLES)
    names = diagnosis.taxonomy.level_names
    if (found := diagnosis.mask_probes) is not None:
        selected = zip(names, found.members.sum(axis=1).tolist(), found.inside, found.outside, strict=True)
        rows = [
            [mask, dims, level, *(f"{value:.6f}" for value in pair)]
            for mask, dims, inside, outside in selected
            for level, *pair in zip(names, inside.tolist(), outside.tolist(), strict=True)
        ]
        _write_csv(probes, ("mask", "dims", "probed", "on_mask", "on_complement"), rows)
    top = diagnosis.top_confusions
    cells = [(c.true, c.predicted, c.count, f"{c.share:.6f}", c.lca_height, c.lca_level) for c in top]
    _write_csv(confusions, ("true", "predicted", "count", "share", "lca_height", "lca_level"), cells)
    _write_csv(sample_map, ("row", "x", "y", *names), _map_rows(diagnosis))


def _map_rows(diagnosis: Diagnosis) -> list[list[object]]:
    shown, classes = diagnosis.sample_map, diagnosis.taxonomy.class_names
    samples = zip(shown.rows.tolist(), shown.points.tolist(), shown.paths.tolist(), strict=True)
    return [
        [row, f"{x:.6g}", f"{y:.6g}", *(names[c] for names, c in zip(classes, path, strict=True))]
        for row, (x, y), path in samples
    ]


def _write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(header)
        writer.writerows(rows)
