"""Files of weights, read without executing anything in them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hmlc_ray.errors import ConfigError, system_reason
from hmlc_ray.files.imposters import NO_FILE, is_regular, what_it_is_instead

_DEEPEST = 4
_CLASS = re.compile(r"GLOBAL (\S+)|class (\S+)")
_INERT: list[Any] = [argparse.Namespace]  # a training program's options; such an object holds values and runs nothing


def read_tensors(file: str) -> dict[str, Tensor]:
    """Every tensor of a state dict, or of a checkpoint that holds some, by name: `model.encoder.conv1.weight`.

    Args:
        file: as `torch.save` writes it, or `.safetensors`.

    Raises:
        ConfigError: if the file cannot be read, or holds no tensors.
    """
    path = Path(file).expanduser()
    try:
        what = _what_is_wrong(path)
    except OSError as error:
        raise ConfigError(f"cannot read encoder.weights {file!r}: {system_reason(error)}") from error
    if what is not None:
        raise ConfigError(f"cannot read encoder.weights {file!r}: {what}")
    content = _safetensors(path, file) if path.suffix == ".safetensors" else _torch(path, file)
    tensors = dict(_flat(content, ""))
    if not tensors:
        raise ConfigError(f"encoder.weights {file!r} must be a state dict: names of parameters and their tensors")
    return tensors


def _what_is_wrong(path: Path) -> str | None:
    if not is_regular(path):
        return NO_FILE
    with path.open("rb") as stream:
        return what_it_is_instead(stream.read(256))


def _flat(content: Any, prefix: str, depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        yield prefix.removesuffix("."), content
    elif isinstance(content, Mapping) and depth < _DEEPEST:
        for name, value in content.items():
            yield from _flat(value, f"{prefix}{name}.", depth + 1)


def _torch(path: Path, file: str) -> Any:
    try:
        with torch.serialization.safe_globals(_INERT):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a reader meets arbitrary bytes here, and fails in as many ways
        found = _CLASS.search(str(error))
        more = f" ({found[1] or found[2]}, which is not unpickled; save its state dict alone)" if found else ""
        raise ConfigError(
            f"encoder.weights {file!r} is not a state dict that torch.save wrote, or holds more than tensors{more}"
        ) from error


def _safetensors(path: Path, file: str) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ConfigError(f"encoder.weights {file!r} needs `pip install safetensors`") from error
    try:
        return load_file(path)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"encoder.weights {file!r} is not a valid safetensors file ({reason})") from error
