"""Weights from a local file, matched by their names, whatever prefix these have."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from hmlc_ray.encoders.weight_files import read_tensors
from hmlc_ray.errors import ConfigError

_LOG = logging.getLogger(__name__)
_PLAIN = ("", "trunk.")
"""Prefixes of a state dict of the network itself, and of an exported encoder."""
_NEVER_TRAINED = "num_batches_tracked"

Tensors = Mapping[str, Tensor]
Adapt = Callable[[Tensors], Tensors]


class _Naming(NamedTuple):
    """Prefix and spelling of the weights' names in a file."""

    prefix: str
    spelling: dict[str, str]
    """The network's own name of each tensor to the one in the file, without the prefix."""


def load_weights(
    trunk: nn.Module,
    file: str,
    what: str,
    heads: tuple[str, ...],
    prefix: str | None = None,
    adapt: Adapt | None = None,
) -> str:
    """Put the weights in a file into `trunk`, in naming; nothing in the file is executed.

    Args:
        file: see `read_tensors`.
        what: the encoder, as an error names it.
        heads: prefixes of parameters that the trunk does not have, since its classifier is cut off.
        prefix: what the names of the tensors begin with; None: found out, where one prefix alone has all of them.
        adapt: makes tensors of the trunk's names, some of which have other shapes, fit it where it can.

    Returns:
        The prefix.

    Raises:
        ConfigError: if the file cannot be read, or has no or other weights than the trunk, or those of several.
    """
    tensors, wanted = read_tensors(file), trunk.state_dict()
    naming = _naming(tensors, trunk, file, what, prefix)
    own = {name: tensors.get(naming.prefix + naming.spelling[name]) for name in wanted}
    if adapt is not None:
        own |= _adapted(own, wanted, adapt)
    found = {}
    for name, value in wanted.items():
        there = own[name]
        if there is None:
            if not name.endswith(_NEVER_TRAINED):
                raise ConfigError(_lacking(tensors, naming, name, file, what))
        elif there.shape != value.shape:
            sizes = ("x".join(map(str, tensor.shape)) for tensor in (there, value))
            raise ConfigError(
                f"the weights in {file!r} do not fit {what}: {name} is {next(sizes)} there and {next(sizes)} here"
            )
        else:
            found[name] = there
    _refuse_more(tensors, naming, heads, file, what)
    trunk.load_state_dict(found, strict=False)
    if naming.prefix not in _PLAIN:
        _LOG.info("the weights in %r are below %r", file, naming.prefix)
    return naming.prefix


def _adapted(own: Mapping[str, Tensor | None], wanted: Tensors, adapt: Adapt) -> Tensors:
    """Tensors of other shapes, adapted; none where all fit or one is missing, or where what adapts them fails."""
    there = {name: value for name, value in own.items() if value is not None}
    missing = any(not name.endswith(_NEVER_TRAINED) for name in own.keys() - there.keys())
    if missing or all(value.shape == wanted[name].shape for name, value in there.items()):
        return {}
    try:
        return {name: value for name, value in adapt(there).items() if name in wanted}
    except Exception:  # of another program, for weights that it does not know; that they do not fit is said below
        return {}


def _naming(tensors: Tensors, trunk: nn.Module, file: str, what: str, prefix: str | None) -> _Naming:
    """The one naming that has every tensor; where there is none, the one that has most of them."""
    wanted = list(trunk.state_dict())
    needed = {name for name in wanted if not name.endswith(_NEVER_TRAINED)}
    counts: Counter[tuple[str, int]] = Counter()
    spellings = _spellings(trunk)
    for number, spelling in enumerate(spellings):
        spelled = {spelling[name] for name in needed}
        counts.update((start, number) for start in _starts(tensors, spelled))
    if prefix is not None:
        prefix = prefix if prefix.endswith(".") or not prefix else f"{prefix}."
        counts = Counter({naming: count for naming, count in counts.items() if naming[0] == prefix})
    whole = [naming for naming, count in counts.items() if count == len(needed)]
    plain = [naming for naming in whole if naming[0] in _PLAIN]
    if len(whole) > 1 and not plain:
        shown = " and ".join(repr(start) for start, _ in whole[:4])
        raise ConfigError(
            f"the weights in {file!r} are those of {len(whole)} networks like {what}, whose names begin with {shown}: "
            "set encoder.weights_prefix to one of these"
        )
    best = (plain or whole or [naming for naming, _ in counts.most_common(1)] or [(prefix or "", 0)])[0]
    return _Naming(best[0], spellings[best[1]])


def _starts(tensors: Tensors, spelled: set[str]) -> list[str]:
    """Prefixes of the names that end as one of `spelled`."""
    cuts = ((name.split("."), depth) for name in tensors for depth in range(name.count(".") + 1))
    return ["".join(f"{part}." for part in parts[:at]) for parts, at in cuts if ".".join(parts[at:]) in spelled]


def _spellings(trunk: nn.Module) -> list[dict[str, str]]:
    """How projects call the tensors: as torchvision does; with the shortcuts of residual blocks as in SupContrast; and
    with the parts of the network by number, as in a `Sequential` of them (lightly)."""
    numbers = {name: str(number) for number, (name, _) in enumerate(trunk.named_children())}
    own = {name: name for name in trunk.state_dict()}
    shortcut = {name: name.replace(".downsample.", ".shortcut.") for name in own}
    numbered = {
        name: ".".join([numbers.get(first, first), *rest]) for name in own for first, *rest in [name.split(".")]
    }
    return [own] + [spelling for spelling in (shortcut, numbered) if spelling != own]


def _lacking(tensors: Tensors, naming: _Naming, name: str, file: str, what: str) -> str:
    below = f" below {naming.prefix!r}" if naming.prefix else ""
    if any(other.startswith(naming.prefix) for other in tensors):
        example = next(other for other in tensors if other.startswith(naming.prefix))
        return f"the weights in {file!r} are not of {what}: they lack {name}{below}, and have {example!r} for example"
    return (
        f"no name of the weights in {file!r} begins with encoder.weights_prefix {naming.prefix!r}; "
        f"there is {next(iter(tensors))!r} for example"
    )


def _refuse_more(tensors: Tensors, naming: _Naming, heads: tuple[str, ...], file: str, what: str) -> None:
    known = set(naming.spelling.values())
    for name in tensors:
        own = name.removeprefix(naming.prefix)
        if name.startswith(naming.prefix) and own not in known and not own.startswith(heads):
            raise ConfigError(f"the weights in {file!r} are not of {what}: it has no {own}")
