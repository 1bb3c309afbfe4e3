"""Weights from a local file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hmlc_ray.errors import ConfigError, system_reason

_TRUNK = "trunk."
_NEVER_TRAINED = "num_batches_tracked"


def load_weights(trunk: nn.Module, file: str, what: str, heads: tuple[str, ...]) -> None:
    """Put the weights of a state dict into `trunk`, in place; nothing in the file is executed.

    Args:
        file: as `torch.save` writes it; names may begin with `trunk.`, as in an exported encoder.
        what: the encoder, as an error names it.
        heads: prefixes of parameters that the trunk does not have, since its classifier is cut off.

    Raises:
        ConfigError: if the file cannot be read, is no state dict, or lacks or has other weights than the trunk.
    """
    found = {name.removeprefix(_TRUNK): value for name, value in _read(file).items()}
    found = {name: value for name, value in found.items() if not name.startswith(heads)}
    wanted = trunk.state_dict()
    for name, value in wanted.items():
        if name not in found and not name.endswith(_NEVER_TRAINED):
            raise ConfigError(f"the weights in {file!r} are not of {what}: they lack {name}")
        if name in found and found[name].shape != value.shape:
            there, here = ("x".join(map(str, tensor.shape)) for tensor in (found[name], value))
            raise ConfigError(f"the weights in {file!r} do not fit {what}: {name} is {there} there and {here} here")
    more = [name for name in found if name not in wanted]
    if more:
        raise ConfigError(f"the weights in {file!r} are not of {what}: it has no {more[0]}")
    trunk.load_state_dict(found, strict=False)


def _read(file: str) -> Mapping[str, Tensor]:
    try:
        state: Any = torch.load(Path(file).expanduser(), map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"cannot read encoder.weights {file!r}: {system_reason(error)}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ConfigError(
            f"encoder.weights {file!r} is no state dict that torch.save wrote, or holds more than tensors"
        ) from error
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"encoder.weights {file!r} must be a state dict: names of parameters and their tensors")
    return state
