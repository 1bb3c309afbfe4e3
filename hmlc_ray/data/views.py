"""Two random views of every sample, drawn per sample and made in one batch on the samples' device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from hmlc_ray.compute.devices import side_stream
from hmlc_ray.config.data import AnyViewsConfig, ViewsConfig
from hmlc_ray.config.points import PointViewsConfig
from hmlc_ray.data.base import Split
from hmlc_ray.data.color import recolor
from hmlc_ray.data.feature_views import TwoFeatureViews
from hmlc_ray.data.filters import disturb
from hmlc_ray.data.geometry import transform
from hmlc_ray.data.pixels import centre, to_unit
from hmlc_ray.data.point_views import TwoPointViews

Views = Callable[[Tensor, torch.Generator], Tensor]
"""Samples as stored, [B, ...], to what the encoder takes, [2, B, ...]."""
Batch = tuple[Tensor, Tensor, Tensor]
"""Inputs or views of them, leaves, indices."""
_CHUNK_BYTES = 1 << 21
"""So many bytes of images at a time on a CPU: it bounds the memory of what lies between."""


def build_views(config: AnyViewsConfig, train: Split) -> Views:
    """What makes the views of a training step; those of features depend on the training split."""
    return VIEWS[config.kind](config, train)


def views_of(views: Views, inputs: Tensor, leaf: Tensor, generator: torch.Generator) -> Tensor:
    """The views of samples; their leaves, int64 [B], matter to those that mix samples alone."""
    if isinstance(views, TwoFeatureViews):
        return views(inputs, generator, leaf)
    return views(inputs, generator)


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
        if inputs.device.type != "cpu":  # what counts there is the number of operations, not the memory
            both = to_unit(inputs).repeat(2, 1, 1, 1)
            return centre(augment(both, self._config, generator)).view(2, *inputs.shape)
        views = torch.empty((2, *inputs.shape))
        size = max(1, _CHUNK_BYTES // (4 * inputs[0].numel()))
        for start in range(0, len(inputs), size):
            images = to_unit(inputs[start : start + size])
            for view in views:
                centre(augment(images, self._config, generator), out=view[start : start + size])
        return views


def _image_views(config: ViewsConfig, train: Split) -> Views:
    return TwoViews(config)


def _point_views(config: PointViewsConfig, train: Split) -> Views:
    return TwoPointViews(config)


VIEWS: dict[str, Callable[[Any, Split], Views]] = {
    "images": _image_views,
    "points": _point_views,
    "features": TwoFeatureViews,
}
"""Functions called with `(config, train)`, by kind."""


def with_views(
    batches: Iterable[Batch], views: Views, generator: torch.Generator, device: torch.device | None = None
) -> Iterator[Batch]:
    """The batches with their inputs replaced by views of them.

    The next batch is read, and its views are made, in a thread while the caller works on this one: torch releases the
    interpreter's lock, so a free core takes them over. On a GPU they have a stream of their own beside the caller's.
    Draws and their order are the same as without it.

    Args:
        device: where the batches are; None: the CPU.
    """
    stream = side_stream(device) if device is not None and device.type == "cuda" else None
    rest = iter(batches)

    def following() -> tuple[Batch, torch.cuda.Event | None] | None:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            batch = next(rest, None)
            if batch is None:
                return None
            made = views_of(views, batch[0], batch[1], generator), batch[1], batch[2]
            return made, None if stream is None else stream.record_event()

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(following)
        while (ready := ahead.result()) is not None:
            ahead = pool.submit(following)
            yield _awaited(*ready)


def _awaited(batch: Batch, made: torch.cuda.Event | None) -> Batch:
    """The batch, for the current stream's work."""
    if made is not None:
        current = torch.cuda.current_stream(batch[0].device)
        current.wait_event(made)
        for tensor in batch:
            tensor.record_stream(current)  # its memory is not reused before this stream is done with it
    return batch
