"""Samples that are in more than one split, byte for byte: what is judged was then trained on."""

from __future__ import annotations

import logging
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.pixel_cache import digests_of

_LOG = logging.getLogger(__name__)
_BLOCK = 4096


def count_duplicates(data: DataSet) -> dict[tuple[str, str], int]:
    """For every two splits (earlier, later) the number of the later one's samples that are in the earlier one too."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    hashes = {name: _hashes(split) for name, split in splits.items() if split is not None}
    known = {name: set(values) for name, values in hashes.items()}
    return {
        (earlier, later): sum(value in known[earlier] for value in hashes[later])
        for earlier, later in combinations(hashes, 2)
    }


def count_known(split: Split, data: DataSet) -> int:
    """How many of the samples are in a split of the data, byte for byte."""
    known = {value for own in (data.train, data.val, data.test) if own is not None for value in _hashes(own)}
    return sum(value in known for value in _hashes(split))


def warn_of_duplicates(data: DataSet) -> None:
    """Log one warning with the counts, where there are any."""
    found = [
        f"{count} of {later} are in {earlier}" for (earlier, later), count in count_duplicates(data).items() if count
    ]
    if found:
        _LOG.warning("the same samples lie in several splits, so metrics are too good: %s", ", ".join(found))


def _hashes(split: Split) -> list[bytes]:
    """Digest of each sample."""
    if split.digests is not None:
        digests = split.digests if split.rows is None else split.digests[split.rows.numpy()]
    else:
        rows = range(0, len(split), _BLOCK)
        digests = np.concatenate([digests_of(_block(split, start)) for start in rows])
    return [digest.tobytes() for digest in digests]


def _block(split: Split, start: int) -> npt.NDArray[Any]:
    index = slice(start, start + _BLOCK)
    return (split.inputs[index] if split.rows is None else split.inputs[split.rows[index]]).cpu().numpy()
