"""Two random views of every sample, drawn per sample and made in one batch on the samples' device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.config.points import PointViewsConfig
from hmlc_ray.data.color import recolor
from hmlc_ray.data.filters import disturb
from hmlc_ray.data.geometry import transform
from hmlc_ray.data.pixels import centre, to_unit
from hmlc_ray.data.point_views import TwoPointViews

Views = Callable[[Tensor, torch.Generator], Tensor]
"""Samples as stored, [B, ...], to what the encoder takes, [2, B, ...]."""
_CHUNK_BYTES = 1 << 21


def build_views(config: ViewsConfig | PointViewsConfig) -> Views:
    """What makes the views of a training step."""
    return TwoPointViews(config) if isinstance(config, PointViewsConfig) else TwoViews(config)


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
        views = torch.empty((2, *inputs.shape), device=inputs.device)
        size = _images_at_a_time(inputs)
        for start in range(0, len(inputs), size):
            images = to_unit(inputs[start : start + size])
            for view in views:
                centre(augment(images, self._config, generator), out=view[start : start + size])
        return views


def with_views(
    batches: Iterable[tuple[Tensor, Tensor, Tensor]], views: Views, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The batches with their inputs replaced by views of them.

    On a CPU the views of the next batch are made in a thread while the caller works on this one: torch releases the
    interpreter's lock, so a free core takes them over. Draws and their order are the same as without it.
    """

    def viewed(batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        inputs, leaf, index = batch
        return views(inputs, generator), leaf, index

    with ThreadPoolExecutor(1) as pool:
        ahead: Future[tuple[Tensor, Tensor, Tensor]] | None = None
        for batch in batches:
            if batch[0].device.type != "cpu":
                yield viewed(batch)
                continue
            ahead, ready = pool.submit(viewed, batch), ahead
            if ready is not None:
                yield ready.result()
        if ahead is not None:
            yield ahead.result()


def _images_at_a_time(inputs: Tensor) -> int:
    """On a CPU as many as bound the memory of the intermediate images, elsewhere all."""
    return max(1, _CHUNK_BYTES // (4 * inputs[0].numel())) if inputs.device.type == "cpu" else len(inputs)
