"""CUDA graphs: the network's forward and backward pass as one launch each, so that a GPU does not wait for Python."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hmlc_ray.compute.devices import side_stream
from hmlc_ray.errors import TrainingError, first_line

VARIABLE = "HMLC_CUDA_GRAPHS"
"""In the environment: 0 makes none."""
_WARM_UP = 3
"""Passes, in which torch and cuDNN set up what a capture must not."""
_ROOM = 2
"""Free memory that a graph needs, as a multiple of what an epoch takes: it keeps its own, and others need some too."""


class GraphedNetwork:
    """A network whose training passes on inputs of one shape are replayed, with the kernels that they had.

    Its buffers and torch's random streams are what they would be without it.
    """

    def __init__(self, run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> None:
        self.shape, self.dtype = inputs.shape, inputs.dtype
        self._parameters = _trained(network)
        # torch adds the parameters of a module by itself, and replaces the module's `forward`, which evaluation needs.
        self._replay: Callable[..., Any] = torch.cuda.make_graphed_callables(
            lambda tensor, *_: run(tensor), (inputs, *self._parameters), num_warmup_iters=0, allow_unused_input=True
        )

    def fits(self, inputs: Tensor) -> bool:
        """Whether inputs are of the shape that was captured, and a gradient is wanted."""
        return inputs.shape == self.shape and inputs.dtype == self.dtype and torch.is_grad_enabled()

    def __call__(self, inputs: Tensor) -> Tensor:
        # The next replay writes where this one did; an objective may keep what it was given.
        result: Tensor = self._replay(inputs, *self._parameters).clone()
        return result


def graphed(run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor, taken: int) -> GraphedNetwork | None:
    """Capture what `run` does with a network in training mode; None where that is not wanted or there is no room.

    Args:
        run: inputs to outputs; all that it trains are parameters of `network`.
        network: what `run` runs.
        inputs: an example, on the GPU. No other thread of this process may use the GPU meanwhile.
        taken: the bytes that an epoch took at once, beside what is held now.

    Raises:
        TrainingError: if the network's passes cannot be captured.
    """
    if os.environ.get(VARIABLE) == "0" or torch.version.hip is not None or not _trained(network):
        return None
    gc.collect()  # an earlier trial's graph, whose class is part of a cycle
    torch.cuda.empty_cache()
    if torch.cuda.mem_get_info(inputs.device)[0] < _ROOM * taken:
        return None
    # A capture keeps the nodes that add up gradients, which torch warns of at the next pass: here it changes nothing.
    torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    with _as_before(network, inputs.device):
        try:
            _warm_up(run, network, inputs)
            return GraphedNetwork(run, network, inputs)
        except torch.OutOfMemoryError:  # another process was faster
            torch.cuda.empty_cache()
            return None
        except RuntimeError as error:
            raise TrainingError(
                "the encoder says `capturable = True`, but its passes cannot be a CUDA graph "
                f"({first_line(error)}); {VARIABLE}=0 does without"
            ) from error


def _trained(network: nn.Module) -> tuple[nn.Parameter, ...]:
    return tuple(parameter for parameter in network.parameters() if parameter.requires_grad)


def forget() -> None:
    """Give up the memory of graphs that nobody holds any more."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(True)


@contextmanager
def _as_before(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Leaves the network's buffers, the random streams and the current stream as they were."""
    before = [buffer.clone() for buffer in network.buffers()]
    stream = torch.cuda.current_stream(device)
    with torch.random.fork_rng([device]):
        try:
            yield
        finally:
            torch.cuda.set_stream(stream)  # a capture that fails leaves its own
            with torch.no_grad():
                for buffer, value in zip(network.buffers(), before, strict=True):
                    buffer.copy_(value)


def _warm_up(run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> None:
    """A few passes on another stream, as torch.cuda.graphs asks for."""
    parameters = _trained(network)
    torch.cuda.synchronize(inputs.device)
    with torch.cuda.stream(side_stream(inputs.device)):
        for _ in range(_WARM_UP):
            outputs = run(inputs)
            torch.autograd.grad(outputs, parameters, torch.ones_like(outputs), allow_unused=True)
            del outputs
    torch.cuda.synchronize(inputs.device)
    torch.cuda.empty_cache()
