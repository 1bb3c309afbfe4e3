"""Two random views of every sample, drawn per sample and made in one batch on the samples' device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.data.color import recolor
from hmlc_ray.data.filters import disturb
from hmlc_ray.data.geometry import transform
from hmlc_ray.data.pixels import centre, to_unit

Views = Callable[[Tensor, torch.Generator], Tensor]
_CHUNK_BYTES = 1 << 22


def augment(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """One random view of each image: crop, flip, rotation, colour jitter, grayscale, blur, noise, in this order.

    Args:
        images: float [n, C, height, width] in [0, 1]; C is 1 or 3.
        generator: on the CPU; all that is drawn per sample comes from it, whatever the images' device is.

    Returns:
        float [n, C, height, width] in [0, 1].
    """
    return disturb(recolor(transform(images, config, generator), config, generator), config, generator)


class TwoViews:
    """Two independent random views of every sample: what a contrastive step is made of."""

    def __init__(self, config: ViewsConfig) -> None:
        self._config = config

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Views scaled for the encoder: uint8 [B, C, height, width] to float32 [2, B, C, height, width] in [-1, 1].

        Args:
            generator: on the CPU; the same state gives the same views (bit for bit on the CPU).
        """
        return torch.stack([self._view(inputs, generator) for _ in range(2)])

    def _view(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        size = self._chunk(inputs)
        chunks = (to_unit(inputs[start : start + size]) for start in range(0, len(inputs), size))
        return torch.cat([centre(augment(chunk, self._config, generator)) for chunk in chunks])

    @staticmethod
    def _chunk(inputs: Tensor) -> int:
        """Images at a time: on a CPU as many as stay in its cache between two operations, elsewhere all."""
        if inputs.device.type != "cpu":
            return max(len(inputs), 1)
        return max(1, _CHUNK_BYTES // (4 * inputs[0].numel()))
