"""A trained encoder with its preprocessing: what is used when training is over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from hmlc_ray.config.data import StoredSection
from hmlc_ray.config.points import PointSetSection
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.decode import BY_DEFAULT, Reading
from hmlc_ray.data.images import decode_blocks
from hmlc_ray.data.pixels import centre, to_unit
from hmlc_ray.encoders import Encoder
from hmlc_ray.errors import DataError
from hmlc_ray.evaluation.embed import embed
from hmlc_ray.taxonomy import Taxonomy

_ROUNDING = 1e-3
"""Tolerance of intensities outside [0, 1]: resampling filters and half precision round."""


class TrainedEncoder(nn.Module):
    """Samples as they are stored to features, before the projection head: what a run was judged by.

    Images are uint8 [n, C, height, width] in 0..255, or floats of that shape in [0, 1]; point clouds are floats
    [n, points, channels], each less its mean and with its farthest point at distance 1, then the unit normals where
    the encoder takes six channels; rows of features are floats [n, D], as in the table that was trained on. Inputs lie
    on the device of the encoder, as for any module.
    """

    def __init__(
        self, encoder: Encoder, *, config: TrialConfig, taxonomy: Taxonomy, input_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = config
        """What it was trained with."""
        self.taxonomy = taxonomy
        """The label tree that it was trained on."""
        self.input_shape = input_shape
        """Shape of one sample of the training data."""
        self.feature_dim = encoder.feature_dim
        """F, the number of features."""

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self._weight.device

    @property
    def _weight(self) -> Tensor:
        """One of them; `identity` has none that is trained."""
        return next(chain(self.encoder.parameters(), self.encoder.buffers()))

    def forward(self, inputs: Tensor) -> Tensor:
        """Features [n, F].

        Raises:
            DataError: if the inputs have another type, shape or range than the class says.
        """
        return self.encoder(self.prepare(inputs))  # type: ignore[no-any-return]

    def prepare(self, inputs: Tensor) -> Tensor:
        """Samples as they are stored to what the network itself takes: images in [-1, 1], in its floating type.

        Raises:
            DataError: see `forward`.
        """
        self._check(inputs)
        kind = self._weight.dtype
        if not self._takes_images:
            return inputs.to(kind)
        if inputs.is_floating_point():
            _refuse_outside(inputs)
        return centre(to_unit(inputs)).to(kind)

    def embed(self, inputs: Tensor, *, batch_size: int = 1024) -> Tensor:
        """Features of any number of samples on any device, without gradient and in evaluation mode.

        Args:
            inputs: see the class.
            batch_size: samples per forward pass, at most.

        Returns:
            float32 [n, F], on the CPU.

        Raises:
            DataError: see `forward`.
            TrainingError: if a feature is not finite.
        """
        self._check(inputs)
        return torch.from_numpy(embed(self.encoder, inputs, self.device, batch_size, prepare=self.prepare))

    def read_images(self, files: Sequence[str | os.PathLike[str]] | str | os.PathLike[str]) -> Tensor:
        """Image files, or one, read as the training data were: upright, resized on the short side, cropped.

        Returns:
            uint8 [n, C, height, width], on the CPU.

        Raises:
            DataError: if the encoder takes point clouds, or a file cannot be read.
        """
        data = self.config.data
        if not self._takes_images:
            what = "point clouds" if isinstance(data, PointSetSection) else "rows of features"
            raise DataError(f"this encoder takes {what}, which are not read from image files")
        channels, size, _ = self.input_shape
        reading = Reading.of(data) if isinstance(data, StoredSection) else BY_DEFAULT
        paths = [os.fspath(file) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
        images = np.zeros((len(paths), *self.input_shape), dtype=np.uint8)
        for block in decode_blocks(paths, channels, size, reading):
            for problem in block.problems.values():
                raise DataError(problem)
            images[block.start : block.start + len(block.images)] = block.images
        return torch.from_numpy(images)

    def _check(self, inputs: Tensor) -> None:
        points = not self._takes_images
        if not isinstance(inputs, Tensor):
            raise DataError(f"the encoder takes a torch.Tensor, got {type(inputs).__name__}")
        allowed = inputs.is_floating_point() or (inputs.dtype == torch.uint8 and not points)
        free = self.encoder.free_dims
        fits = inputs.ndim == 1 + len(self.input_shape) and all(
            dim in free or given == wanted
            for dim, (given, wanted) in enumerate(zip(inputs.shape[1:], self.input_shape, strict=True), start=1)
        )
        if not allowed or not fits:
            shape = ", ".join(free.get(dim, str(size)) for dim, size in enumerate(self.input_shape, start=1))
            kinds = "floats" if points else "uint8 in 0..255, or floats in [0, 1],"
            raise DataError(f"the encoder takes {kinds} of shape [n, {shape}], got {inputs.dtype} {list(inputs.shape)}")

    @property
    def _takes_images(self) -> bool:
        return len(self.input_shape) == 3

    def extra_repr(self) -> str:
        levels = ", ".join(self.taxonomy.level_names)
        return f"input_shape={list(self.input_shape)}, feature_dim={self.feature_dim}, levels=[{levels}]"


def _refuse_outside(images: Tensor) -> None:
    """Intensities in 0..255 or [-1, 1] would give features, of nothing that was seen in training."""
    if torch.compiler.is_compiling() or not images.numel():
        return
    low, high = (float(value) for value in images.aminmax())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise DataError(
            f"images of floats must lie in [0, 1], got values from {low:g} to {high:g}: divide intensities by 255, or "
            "give them as uint8"
        )
