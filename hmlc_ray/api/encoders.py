"""Trained encoders and the data they were trained on: `load_encoder` and `load_data`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hmlc_ray.api import calls
from hmlc_ray.api.calls import AnyPath, workspace_of
from hmlc_ray.api.results import name_of

if TYPE_CHECKING:
    from hmlc_ray.api.results import Trained
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.config.plain import Source
    from hmlc_ray.data import DataSet
    from hmlc_ray.training.trained import TrainedEncoder


def load_encoder(source: Trained, *, home: AnyPath | None = None, tracking_uri: str | None = None) -> TrainedEncoder:
    """A trained encoder as an `nn.Module` with its preprocessing, in evaluation mode on the CPU.

    It takes images as uint8 [n, C, height, width], or as floats of that shape in [0, 1], and point clouds as they are
    stored; it gives the features that the run was judged by, [n, feature_dim]. Ray is not loaded.

    >>> import torch
    >>> from hmlc_ray import load_encoder
    >>> encoder = load_encoder("digits-1")
    >>> encoder(torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 16])
    >>> encoder.feature_dim, encoder.taxonomy.level_names, encoder.config.encoder.kind
    (16, ('parity', 'digit'), 'mlp')

    Args:
        source: a folder with a checkpoint or an exported encoder, such as `hmlc-home/studies/NAME/encoder`; the
            name of a study: its refit or best trial, or the best so far of one that has not ended; or the id of an
            MLflow run. Text is tried as each, in this order. A result of `train`, `sweep` or `best` means its encoder.
        home, tracking_uri: where studies and runs are looked up; see `train`.

    Raises:
        CheckpointError: if the source is none of these, the run was deleted or has no checkpoint, or the checkpoint is
            damaged or of another version.
        StudyError: if no trial of the study is complete yet.
        TrackingError: if the MLflow store cannot be reached.
    """
    return calls.find_encoder(name_of(source), workspace_of(home, tracking_uri))


def load_data(source: Source, *, overrides: Overrides = (), home: AnyPath | None = None) -> DataSet:
    """A data set with its splits and its taxonomy, as trials see it; decoded images are kept in the home folder.

    >>> from hmlc_ray import load_data
    >>> data = load_data("digits", overrides={"data.taxonomy": "magnitude"})
    >>> data.taxonomy.level_names, len(data.test), data.input_shape
    (('magnitude', 'digit'), 359, (1, 8, 8))

    `data.train`, `data.val` and `data.test` are splits: `split.at(index)` gives samples as they are stored, which is
    how `load_encoder` takes them, and `split.leaf` their leaves. A tree that is to be induced is made first.

    Args:
        source: a kind of data, with its keys as overrides; or a trial, a YAML file, its values or a `TrialConfig`.
        overrides: see `train`.
        home: see `train`.

    Raises:
        ConfigError: if it is neither.
        DataError, TaxonomyError: if the data are missing, unreadable or make no tree.
    """
    from hmlc_ray.config.target import load_target
    from hmlc_ray.data import load_data
    from hmlc_ray.runs.induction import with_tree

    config = load_target(source, overrides)
    workspace = workspace_of(home)
    config = with_tree(config, workspace, logging.getLogger(__name__).info)
    with workspace.home.current():
        return load_data(config.data)
