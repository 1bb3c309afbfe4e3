"""A picture of what an objective contrasts: samples, one a row, each with two of its views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.column_statistics import column_statistics
from hmlc_ray.data.pictures import Picture, picture_of
from hmlc_ray.data.pixels import to_encoder_input
from hmlc_ray.data.splits import stratified_subset
from hmlc_ray.data.views import build_views, views_of
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.atomic import staged

SAMPLES = 32
_COLUMNS = 4  # samples side by side, three pictures each
_SMALLEST, _GAP = 64, 4


def write_contact_sheet(data: DataSet, config: TrialConfig, file: Path, samples: int = SAMPLES) -> Path:
    """Draw training samples, of as many leaves as there is room for, and two views of each; gives the file.

    Raises:
        DataError: if it is no `.png` file, or cannot be written.
    """
    if file.suffix.lower() != ".png":
        raise DataError(f"the contact sheet {str(file)!r} must be a .png file")
    rows = torch.from_numpy(stratified_subset(data.train.leaf.cpu().numpy(), samples, (config.seed,)))
    inputs = data.train.at(rows)
    generator = torch.Generator().manual_seed(config.seed)
    views = views_of(build_views(config.views, data.train), inputs, data.train.leaf[rows], generator)
    samples_and_views = (to_encoder_input(inputs), *views)
    if inputs.ndim == 2:
        mean, deviation, _ = column_statistics(data.train)
        samples_and_views = tuple((rows_ - mean) / deviation for rows_ in samples_and_views)
    triples = zip(*samples_and_views, strict=True)
    sheet = _sheet([np.concatenate([_framed(picture) for picture in triple], axis=1) for triple in triples])
    try:
        with staged(file) as part:
            Image.fromarray(sheet).save(part, format="PNG")
    except OSError as error:
        raise DataError(f"cannot write the contact sheet {str(file)!r}: {system_reason(error)}") from error
    return file


def _sheet(strips: list[Picture]) -> Picture:
    blank = np.full_like(strips[0], 255)
    strips = strips + [blank] * (-len(strips) % _COLUMNS)
    lines = [np.concatenate(strips[i : i + _COLUMNS], axis=1) for i in range(0, len(strips), _COLUMNS)]
    return np.concatenate(lines, axis=0)


def _framed(sample: Tensor) -> Picture:
    """RGB uint8 [height, width, 3] with a white border; small images are enlarged by whole numbers."""
    picture = picture_of(sample)
    factor = max(1, _SMALLEST // max(picture.shape[:2]))
    picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.pad(picture, ((_GAP, _GAP), (_GAP, _GAP), (0, 0)), constant_values=255)
