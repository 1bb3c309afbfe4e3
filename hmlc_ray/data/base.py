"""What every data set gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from hmlc_ray.arrays import ByteArray
from hmlc_ray.config.data import CacheMode
from hmlc_ray.names.levels import readable_name
from hmlc_ray.taxonomy import Taxonomy


class Inputs(Protocol):
    """Samples by number: a tensor, or whatever else gives tensors when it is indexed."""

    @property
    def shape(self) -> torch.Size:
        """[M, ...]."""

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def device(self) -> torch.device: ...

    def __len__(self) -> int:
        """M."""

    def __getitem__(self, index: Any, /) -> Tensor:
        """The samples of a slice or of int64 [n]: [n, ...]."""


@dataclass(frozen=True)
class Split:
    """Samples held in memory, in a memory-mapped file that several splits share, or in files of their own."""

    inputs: Inputs
    """Images: uint8 [M, C, height, width]; point clouds: float32 [M, points, channels]; features:
    float32 [M, D]. M = N where `rows` is None."""
    leaf: Tensor
    """int64 [N]."""
    rows: Tensor | None = None
    """int64 [N]: which of `inputs` belong to this split, in its order; None: all of them. So a split of a shared array
    is not a copy of it."""
    inputs_digest: str | None = None
    """A hash of all `inputs`, where it is known without reading them."""
    digests: ByteArray | None = field(default=None, compare=False, repr=False)
    """A hash of each of `inputs`, uint8 [M, bytes], where they are known without reading them."""
    paths: tuple[str, ...] | None = field(default=None, compare=False, repr=False)
    """Source file of each of `inputs`, relative to the data's root; None: there are no files."""
    mapped: bool = False
    """Whether `inputs` is a mapped file, which other processes share."""

    def __len__(self) -> int:
        return len(self.leaf)

    def at(self, index: Tensor) -> Tensor:
        """The inputs of the samples at `index`, int64 [n] on the device of `inputs`: [n, ...], a copy."""
        return self.inputs[index if self.rows is None else self.rows[index]]


@dataclass(frozen=True)
class DataSet:
    """A data set, divided. Labels are leaves; everything else about them comes from the taxonomy."""

    taxonomy: Taxonomy
    train: Split
    val: Split | None
    """None when `train_on: train+val`: then it is part of `train`."""
    test: Split
    fingerprint: str
    """SHA-256 over inputs, leaves and taxonomy of every split: the same data gives the same fingerprint."""

    cache: CacheMode = "auto"
    """Where the configuration wants the samples; `stored.py` and `loader.py` decide what `auto` means."""

    notes: tuple[str, ...] = ()
    """What a user should know of it, a sentence each: what was left out, which split lacks which classes."""

    open_set: Mapping[str, Split] = field(default_factory=dict, compare=False, repr=False)
    """Samples of no class of the taxonomy, by the split that they are judged with, `val` or `test`; their leaves are
    -1. Nothing is trained on them, and the fingerprint does not depend on them."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, e.g. (channels, height, width)."""
        return tuple(self.train.inputs.shape[1:])


def relative_paths(files: Iterable[Path], root: Path) -> tuple[str, ...]:
    """The files as texts relative to the root, with slashes; those that are elsewhere as they are."""
    return tuple(
        readable_name((file.relative_to(root) if file.is_relative_to(root) else file).as_posix()) for file in files
    )
