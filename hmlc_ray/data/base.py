"""What every data set gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True)
class Split:
    """Samples held in memory."""

    inputs: Tensor
    """Images: uint8 [N, C, height, width]."""
    leaf: Tensor
    """int64 [N]."""

    def __len__(self) -> int:
        return len(self.leaf)


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
