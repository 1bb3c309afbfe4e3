"""The encoder as an ONNX file, written by torch's own exporter."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.export import ExportedProgram

from hmlc_ray.files.atomic import staged

INPUT, OUTPUT = "inputs", "features"
"""Names in the graph."""
_LARGEST = 1_800_000_000
"""Bytes of weights in one file; protobuf ends at 2 GB. Larger ones go into a second file beside it."""


def save_onnx(program: ExportedProgram, path: Path) -> None:
    """Write the program as ONNX: the file appears whole, or not at all, unless its weights need a second one.

    Raises:
        Exception: of whatever kind the exporter has for an operation that ONNX does not.
    """
    written = torch.onnx.export(
        program, dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT], external_data=False
    )
    assert written is not None
    if sum(value.nbytes for value in program.state_dict.values()) > _LARGEST:
        written.save(path, external_data=True)
        return
    with staged(path) as part:
        written.save(part, external_data=False)
