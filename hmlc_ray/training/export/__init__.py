"""What is left when training is over: the plain encoder, in files that other programs read without this package."""

from __future__ import annotations

from hmlc_ray.training.export.encoder import (
    CONFIG_FILE,
    MASKS_FILE,
    ONNX_FILE,
    PROGRAM_FILE,
    WEIGHTS_FILE,
    encoder_of,
    export_encoder,
    head_of,
    write_mask_table,
)

__all__ = [
    "CONFIG_FILE",
    "MASKS_FILE",
    "ONNX_FILE",
    "PROGRAM_FILE",
    "WEIGHTS_FILE",
    "encoder_of",
    "export_encoder",
    "head_of",
    "write_mask_table",
]
