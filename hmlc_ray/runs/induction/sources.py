"""What is known of the classes: their mean features or confusions, from files, runs, checkpoints and exports."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hmlc_ray.arrays import FloatArray
from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.taxonomy import CONFUSION_FILES, FEATURE_FILES
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.encoders import Encoder
from hmlc_ray.errors import CheckpointError, TaxonomyError, system_reason
from hmlc_ray.evaluation.confusions import Matrix, SparseCounts, from_tensor
from hmlc_ray.evaluation.embed import embed
from hmlc_ray.folders.walk import is_file
from hmlc_ray.names.counts import many
from hmlc_ray.runs.encoders import checkpoint_in, find_checkpoint, find_encoder
from hmlc_ray.study.schema import ENCODER
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tables.csv_files import read_table
from hmlc_ray.taxonomies.induced import class_means
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export.reading import is_export
from hmlc_ray.training.seeding import kernels

Kind = Literal["features", "confusion"]


@dataclass(frozen=True)
class Classes:
    """Means and confusions of C leaf classes, in the order of the data's leaves; what was not requested is empty."""

    means: FloatArray
    """[C, F]: mean feature over the training samples."""
    confusion: FloatArray
    """[C, C], row c: how often class c was predicted as each class."""


NOTHING = np.empty((0, 0))


def classes_from(source: str, kind: Kind, config: TrialConfig, data: DataSet, workspace: Workspace) -> Classes:
    """Features or confusions of the data's classes, from a file, a run, or a folder of a checkpoint or an export.

    Args:
        config: its `training` says where an encoder runs.
        data: under a tree of the leaf level alone.

    Raises:
        TaxonomyError: if it has nothing of that kind, is of other classes, or holds numbers that are not finite.
        CheckpointError: if there is no such run or folder, or its encoder takes other samples.
    """
    path = Path(source).expanduser()
    if path.suffix.lower() in (*FEATURE_FILES, *CONFUSION_FILES) and not path.is_dir():
        return _from_file(path, kind, data)
    if kind == "features":
        trained = find_encoder(source, workspace)
        return Classes(_mean_features(trained.encoder, trained.input_shape, data, config, source), NOTHING)
    checkpoint = checkpoint_in(path)
    if checkpoint is None and (is_export(path) or is_export(path / ENCODER)):
        raise TaxonomyError(
            f"data.taxonomy.source {source!r} is an exported encoder, which has no confusions: give its run or "
            "checkpoint, or `from: features`"
        )
    return Classes(NOTHING, _confusion_of(checkpoint or find_checkpoint(source, workspace).checkpoint, data, source))


def mean_features(encoder: nn.Module, data: DataSet, device: torch.device) -> FloatArray:
    """Mean feature of each leaf over the training samples, [C, F].

    Raises:
        TaxonomyError: naming a leaf without a training sample.
    """
    leaf = data.train.leaf.cpu().numpy()
    counts = np.bincount(leaf, minlength=data.taxonomy.num_leaves)
    if not counts.all():
        raise TaxonomyError(
            f"the leaf {data.taxonomy.class_names[-1][int(counts.argmin())]!r} has no training sample, so it has no "
            "mean feature to induce a tree from (data.untrained: error refuses such leaves)"
        )
    features = embed(encoder, data.train.inputs, device, rows=data.train.rows)
    return class_means(features, leaf, data.taxonomy.num_leaves)


def dense(matrix: Matrix) -> FloatArray:
    """A confusion matrix as [C, C]."""
    if not isinstance(matrix, SparseCounts):
        return matrix.astype(np.float64)
    result = np.zeros((matrix.num_classes, matrix.num_classes))
    result[matrix.true, matrix.predicted] = matrix.count
    return result


def _mean_features(
    encoder: Encoder, input_shape: tuple[int, ...], data: DataSet, config: TrialConfig, source: str
) -> FloatArray:
    if input_shape != data.input_shape:
        raise CheckpointError(
            f"the encoder of {source!r} was trained on samples of shape {list(input_shape)}, but those of the data "
            f"have shape {list(data.input_shape)}"
        )
    device = resolve_device(config.training.device)
    with kernels(config.training, device):
        return mean_features(encoder.to(device), data, device)


def _confusion_of(checkpoint: Checkpoint, data: DataSet, source: str) -> FloatArray:
    """Confusions of the leaves on validation, by the run's probe after its last epoch."""
    levels = checkpoint.state.get("confusion", {}).get("val", {})
    if not levels:
        raise TaxonomyError(
            f"{source!r} has no confusions on validation: its last epoch was not evaluated on a validation split"
        )
    names = checkpoint.taxonomy.class_names[-1]
    return _in_order(dense(from_tensor(levels[checkpoint.taxonomy.level_names[-1]])), names, data, source)


def _in_order(confusion: FloatArray, names: Sequence[str], data: DataSet, source: str) -> FloatArray:
    """The rows and columns in the order of the data's leaves."""
    leaves = data.taxonomy.class_names[-1]
    _same_classes(names, leaves, source)
    order = [list(names).index(name) for name in leaves]
    return confusion[np.ix_(order, order)]


def _same_classes(names: Sequence[str], leaves: Sequence[str], source: str) -> None:
    missing, other = [n for n in leaves if n not in set(names)], [n for n in names if n not in set(leaves)]
    if missing or other:
        raise TaxonomyError(
            f"{source!r} is of other classes than the data: "
            + (f"it lacks {missing[0]!r}" if missing else f"it has {other[0]!r}, which the data lacks")
            + f" ({len(missing)} missing, {len(other)} others)"
        )


def _from_file(path: Path, kind: Kind, data: DataSet) -> Classes:
    allowed, words = (FEATURE_FILES, "features") if kind == "features" else (CONFUSION_FILES, "confusions")
    if path.suffix.lower() not in allowed:
        raise TaxonomyError(f"data.taxonomy.source is {str(path)!r}, but {words} are read from {' or '.join(allowed)}")
    if not is_file(path):
        raise TaxonomyError(f"data.taxonomy.source: there is no file {str(path)!r}")
    try:
        if kind == "features":
            return Classes(_features_in(path, data), NOTHING)
        return Classes(NOTHING, _confusion_in(path, data))
    except TaxonomyError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise TaxonomyError(f"cannot read {words} from {str(path)!r}: {system_reason(error)}") from error


def _features_in(path: Path, data: DataSet) -> FloatArray:
    """Means of each leaf from rows of classes or samples; the classes of the rows are known by an .npz's `leaf`."""
    names = data.taxonomy.class_names[-1]
    if path.suffix.lower() == ".npz":
        # Opened here, since NumPy leaves the file of a damaged archive open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            missing = {"features", "leaf"} - set(arrays.files)
            if missing:
                raise TaxonomyError(f"{str(path)!r} must hold arrays `features` and `leaf`; it lacks {min(missing)!r}")
            rows, labels = _numbers(arrays["features"], path), [str(name) for name in arrays["leaf"].tolist()]
        if len(labels) != len(rows):
            raise TaxonomyError(
                f"{str(path)!r} has {many(len(rows), 'row')} of features, but {many(len(labels), 'leaf', 'leaves')}"
            )
        _same_classes(sorted(set(labels)), names, str(path))
        number = {name: leaf for leaf, name in enumerate(names)}
        return class_means(rows, np.array([number[name] for name in labels], dtype=np.int64), len(names))
    rows = _numbers(np.load(path, allow_pickle=False), path)
    if len(rows) == len(names):
        return rows
    if len(rows) == len(data.train):
        return class_means(rows, data.train.leaf.cpu().numpy(), len(names))
    raise TaxonomyError(
        f"{str(path)!r} has {many(len(rows), 'row')}: features need one for each of the "
        f"{len(names)} leaves, or for each of "
        f"the {many(len(data.train), 'training sample')}, in the order of the data"
    )


def _numbers(array: npt.NDArray[Any], path: Path) -> FloatArray:
    """A table of finite numbers as float64 [n, F]."""
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.size:
        raise TaxonomyError(f"{str(path)!r} must hold a table of numbers, got shape {list(array.shape)}, {array.dtype}")
    rows = array.astype(np.float64)
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).any(axis=1).argmax())
        raise TaxonomyError(f"{str(path)!r} holds values that are not finite, in row {bad} for one (counted from 0)")
    return rows


def _confusion_in(path: Path, data: DataSet) -> FloatArray:
    names = data.taxonomy.class_names[-1]
    if path.suffix.lower() == ".npy":
        matrix = _numbers(np.load(path, allow_pickle=False), path)
        if matrix.shape != (len(names), len(names)):
            raise TaxonomyError(
                f"{str(path)!r} has shape {list(matrix.shape)}; confusions of the {len(names)} leaves need "
                f"[{len(names)}, {len(names)}]"
            )
        return matrix
    header, *rows = [cells for _, cells in read_table(path, [])] or [[]]
    if not rows or [row[0] for row in rows] != header[1:]:
        raise TaxonomyError(
            f"{str(path)!r} must be a table of confusions as a run logs it: the classes in the first row and, in the "
            "same order, in the first column"
        )
    matrix = _numbers(np.array([[float(cell) for cell in row[1:]] for row in rows]), path)
    return _in_order(matrix, header[1:], data, str(path))
