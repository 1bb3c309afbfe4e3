"""What every data set gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True)
class Split:
    """Samples held in memory, or in a memory-mapped file that several splits share."""

    inputs: Tensor
    """Images: uint8 [M, C, height, width]; point clouds: float32 [M, points, channels]. M = N where `rows` is None."""
    leaf: Tensor
    """int64 [N]."""
    rows: Tensor | None = None
    """int64 [N]: which of `inputs` belong to this split, in its order; None: all of them. So a split of a shared array
    is no copy of it."""
    inputs_digest: str | None = None
    """A hash that stands for the whole of `inputs`, where it is known without reading them."""

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

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, e.g. (channels, height, width)."""
        return tuple(self.train.inputs.shape[1:])
