"""Samples of no known class that a user names, to judge a trained encoder by."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.target import load_target
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.data import load_data
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.duplicates import count_known
from hmlc_ray.data.unlabelled import load_unlabelled
from hmlc_ray.errors import DataError
from hmlc_ray.home import Home
from hmlc_ray.runs.given_data import check_accepts, is_described, section_of_path
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export import encoder_of

_LOG = logging.getLogger(__name__)


def named_open_set(name: str, checkpoint: Checkpoint, data: DataSet, home: Home) -> Split:
    """The samples that a path, a YAML file or a kind of data names, read as the encoder takes them.

    Of a folder all files are taken and of a table all rows, whatever labels they have; of a YAML file or a kind of data
    the test split.

    Args:
        data: what the encoder was trained on.

    Raises:
        DataError: if they cannot be read, do not fit the encoder, or most of them are samples of `data`.
        ConfigError: if the YAML file is wrong.
    """
    with home.current():
        split = _read(name, checkpoint.input_shape, checkpoint.config.data)
    check_accepts(encoder_of(checkpoint), checkpoint.input_shape, tuple(split.inputs.shape[1:]), name)
    known = count_known(split, data)
    if 2 * known > len(split):
        raise DataError(
            f"{known:,} of the {len(split):,} samples of {name} are samples of the run's own data, which have a class: "
            "the open set holds samples of no known class"
        )
    if known:
        _LOG.warning("%d of the %d samples of %s are among the run's own samples", known, len(split), name)
    return split


def _read(name: str, shape: tuple[int, ...], own: DataConfig) -> Split:
    if is_described(name):
        test = load_data(load_target(name).data).test
        return replace(test, leaf=torch.full_like(test.leaf, -1))
    section = section_of_path(shape, own, Path(name).expanduser().absolute())
    return load_unlabelled(validate(TrialConfig, {"data": section}, name).data)
