"""The encoder as a `torch.export` program: for any device, any batch size and, where it can, other sizes of inputs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule, Node

from hmlc_ray.encoders import Encoder

Sizes = dict[str, list[int | None]]
"""The smallest and the largest size of each free dimension; None: no bound."""

_TOLERANCE = 1e-4


def encoder_program(encoder: Encoder, input_shape: tuple[int, ...]) -> ExportedProgram:
    """The program of an encoder in eval mode on the CPU; where other sizes cannot be traced, only the batch is free.

    Args:
        input_shape: of one sample of the data that it was trained on.

    Raises:
        Exception: of whatever kind torch.export has for a network that it cannot trace.
    """
    if encoder.free_dims:
        try:
            program = _traced(encoder, input_shape, tuple(encoder.free_dims))
            if _agrees(program, encoder, input_shape):
                return program
        except Exception:  # noqa: S110 - torch has many, for guards that fail; the sizes of the data remain
            pass
    program = _traced(encoder, input_shape, ())
    assert _same(program, encoder, torch.randn(1, *input_shape)), "the exported program has other features"
    return program


def free_sizes(program: ExportedProgram, names: Mapping[int, str]) -> Sizes:
    """Which sizes the program takes, by the names of dimensions; the batch is one of them."""
    name = program.graph_signature.user_inputs[0]
    (inputs,) = (node for node in program.graph.nodes if node.name == name)
    sizes: Sizes = {"batch": [1, None]}
    for dim, word in names.items():
        size = inputs.meta["val"].shape[dim]
        if not isinstance(size, int):
            sizes[word] = [max(1, int(program.range_constraints[size.node.expr].lower)), None]
    return sizes


def _traced(encoder: Encoder, input_shape: tuple[int, ...], free: tuple[int, ...]) -> ExportedProgram:
    dims = {0: Dim("batch", min=1), **dict.fromkeys(free, Dim.AUTO)}
    program = torch.export.export(encoder, (torch.zeros(2, *input_shape),), dynamic_shapes=(dims,))
    for module in program.graph_module.modules():
        if isinstance(module, GraphModule):
            _forget_device(module)
    return program


def _forget_device(module: GraphModule) -> None:
    """Conversions of numbers are traced with an assertion of where the tensor was, which holds on no other device."""
    for node in module.graph.nodes:
        if node.op == "call_function" and node.target is torch.ops.aten._assert_tensor_metadata.default:
            module.graph.erase_node(node)
    module.recompile()


def devices(program: ExportedProgram) -> set[str]:
    """Devices that the program names, and can run on alone; none: it runs where its weights are."""
    graphs = (module for module in program.graph_module.modules() if isinstance(module, GraphModule))
    nodes: list[Node] = [node for graph in graphs for node in graph.graph.nodes]
    values = [value for node in nodes for value in (*node.args, *node.kwargs.values())]
    return {str(value) for value in values if isinstance(value, torch.device)}


def _agrees(program: ExportedProgram, encoder: Encoder, input_shape: tuple[int, ...]) -> bool:
    """Whether a program with free sizes takes those of the data and larger, odd ones."""
    other = list(input_shape)
    for step, dim in enumerate(encoder.free_dims):
        other[dim - 1] += 7 + 6 * step
    return all(_same(program, encoder, torch.randn(1, *shape)) for shape in (input_shape, other))


@torch.no_grad()
def _same(program: ExportedProgram, encoder: Encoder, inputs: torch.Tensor) -> bool:
    return torch.allclose(program.module()(inputs), encoder(inputs), rtol=_TOLERANCE, atol=_TOLERANCE)
