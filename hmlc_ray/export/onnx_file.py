"""The encoder as an ONNX file, written by torch's own exporter."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch.export import ExportedProgram

INPUT, OUTPUT = "inputs", "features"
"""Names in the graph."""
_LARGEST = 1_800_000_000
"""Bytes of weights in one file; protobuf ends at 2 GB. Larger ones go into a second file beside it."""


def save_onnx(program: ExportedProgram, path: Path) -> None:
    """Write the program as ONNX: the file appears whole, or not at all.

    Raises:
        Exception: of whatever kind the exporter has for an operation that ONNX does not.
    """
    size = sum(value.nbytes for value in program.state_dict.values())
    staged = path.with_name(f".{path.name}")
    try:
        written = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT], external_data=False
        )
        assert written is not None
        if size > _LARGEST:
            written.save(path, external_data=True)
            return
        written.save(staged, external_data=False)
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)
