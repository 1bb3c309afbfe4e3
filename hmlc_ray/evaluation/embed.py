"""Frozen features: the encoder's output for every sample of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hmlc_ray.data.base import Inputs
from hmlc_ray.data.pixels import to_encoder_input
from hmlc_ray.errors import TrainingError
from hmlc_ray.machine.activity import doing

Features = npt.NDArray[np.float32]


def embed(
    encoder: nn.Module,
    inputs: Inputs,
    device: torch.device | str,
    batch_size: int = 1024,
    *,
    rows: Tensor | None = None,
    prepare: Callable[[Tensor], Tensor] = to_encoder_input,
) -> Features:
    """Features f of every input, without augmentation and without gradient.

    Args:
        encoder: lies on `device`; put in evaluation mode here and back in its own mode afterwards.
        inputs: as stored, [N, ...], on any device.
        device: where the encoder runs.
        batch_size: samples per forward pass, at most.
        rows: int64 [n], which of the inputs, in this order; None: all of them.
        prepare: makes what the encoder takes of a block of inputs on `device`.

    Returns:
        float32 [N, F], or [n, F].

    Raises:
        TrainingError: if a feature is not finite, which no probe could be fitted on.
    """
    size = min(batch_size, getattr(encoder, "max_batch", batch_size))
    with _evaluation_mode(encoder), torch.inference_mode():
        blocks = [encoder(prepare(block.to(device))).float().cpu() for block in _blocks(inputs, rows, size)]
    features: Features = torch.cat(blocks).numpy()
    if not np.isfinite(features).all():
        raise TrainingError("the encoder gives features that are not finite; a lower learning rate may help")
    return features


def _blocks(inputs: Inputs, rows: Tensor | None, size: int) -> Iterator[Tensor]:
    count = len(inputs if rows is None else rows)
    for start in range(0, count, size):
        doing("encoding samples", start, count)
        yield inputs[start : start + size] if rows is None else inputs[rows[start : start + size]]


@contextmanager
def _evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, each submodule's own mode restored afterwards."""
    training = {child: child.training for child in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for child, mode in training.items():
            child.training = mode
