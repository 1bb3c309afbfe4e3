"""CUDA graphs: the network's forward and backward pass as one launch each, so that a GPU does not wait for Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_WARM_UP = 3
"""Passes, in which torch and cuDNN set up what a capture must not."""
_ROOM = 1.5
"""Free memory that a graph needs, as a multiple of what a pass takes: it keeps its memory, and others need some too."""


class GraphedNetwork:
    """A network whose training passes on inputs of one shape are replayed, with the kernels that they had.

    Its buffers and torch's random streams are what they would be without it.
    """

    def __init__(self, run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> None:
        self.shape, self.dtype = inputs.shape, inputs.dtype
        self._parameters = tuple(p for p in network.parameters() if p.requires_grad)
        # torch adds the parameters of a module by itself, and replaces the module's `forward`, which evaluation needs.
        self._replay: Callable[..., Any] = torch.cuda.make_graphed_callables(
            lambda tensor, *_: run(tensor), (inputs, *self._parameters), num_warmup_iters=0, allow_unused_input=True
        )

    def fits(self, inputs: Tensor) -> bool:
        """Whether inputs are of the shape that was captured."""
        return inputs.shape == self.shape and inputs.dtype == self.dtype

    def __call__(self, inputs: Tensor) -> Tensor:
        result: Tensor = self._replay(inputs, *self._parameters)
        return result


def graphed(run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> GraphedNetwork | None:
    """Capture what `run` does with a network in training mode; None where the GPU has too little memory left, or there
    is nothing to train.

    Args:
        run: inputs to outputs; all that it trains are parameters of `network`.
        network: what `run` runs.
        inputs: an example, on the GPU. No other thread of this process may use the GPU meanwhile.
    """
    if not any(p.requires_grad for p in network.parameters()):
        return None
    device = inputs.device
    # A capture keeps the nodes that add up gradients, which torch warns of at the next pass: here it changes nothing.
    torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    before = [buffer.clone() for buffer in network.buffers()]
    with torch.random.fork_rng([device]):
        if torch.cuda.mem_get_info(device)[0] < _ROOM * _warm_up(run, network, inputs):
            captured = None
        else:
            captured = GraphedNetwork(run, network, inputs)
    with torch.no_grad():
        for buffer, value in zip(network.buffers(), before, strict=True):
            buffer.copy_(value)
    return captured


def _warm_up(run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> int:
    """A few passes on a stream of their own, as torch.cuda.graphs asks for; the bytes that they took at once."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    torch.cuda.synchronize(inputs.device)
    torch.cuda.reset_peak_memory_stats(inputs.device)
    held = torch.cuda.memory_allocated(inputs.device)
    with torch.cuda.stream(torch.cuda.Stream(inputs.device)):  # type: ignore[no-untyped-call]
        for _ in range(_WARM_UP):
            outputs = run(inputs)
            torch.autograd.grad(outputs, parameters, torch.ones_like(outputs), allow_unused=True)
            del outputs
    torch.cuda.synchronize(inputs.device)
    taken = torch.cuda.max_memory_allocated(inputs.device) - held
    torch.cuda.empty_cache()
    return taken
