"""Batches of an epoch: samples gathered on the training device, where the whole split lives when it fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal

import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hmlc_ray.arrays import IntArray
from hmlc_ray.config.data import CacheMode
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.images import ImageFiles
from hmlc_ray.data.transfer import to_device
from hmlc_ray.errors import DataError, first_line, last_line
from hmlc_ray.machine.cpus import usable_cpus
from hmlc_ray.machine.scratch import prepare_sockets

Sampler = Iterable[IntArray]
Place = Literal["device", "memory", "disk", "none"]
_RESIDENT_SHARE = 0.25
"""With `cache: auto` a split lives on the device if it takes no more than this share of the free memory there."""
_LOST = (ConnectionError, EOFError, FileNotFoundError)
"""What the reading of a batch's shared memory ends with where the process that offers it has died; otherwise torch
notices that itself."""


def epoch_batches(
    split: Split, sampler: Sampler, device: torch.device, cache: CacheMode = "auto"
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The batches that one pass over `sampler` names.

    Args:
        sampler: gives each batch as indices into the split, int64 [b].
        cache: where the configuration wants the split.

    Yields:
        On `device`: inputs as stored, [b, ...]; leaves, int64 [b]; the indices, int64 [b].

    Raises:
        DataError: if an image that is decoded for its batch cannot be read any more.
    """
    if isinstance(split.inputs, ImageFiles):
        batches = _decoded(split, sampler, device)
    else:
        batches = _gathered(_on_device(split, device) if _place(split, cache, device) == "device" else split, sampler)
    for batch in batches:
        inputs, leaf, index = (to_device(tensor, device) for tensor in batch)
        yield inputs, leaf, index


def place_of(data: DataSet, device: torch.device) -> Place:
    """Where the training samples are when an epoch asks for them: what `data.cache: auto` came to."""
    return _place(data.train, data.cache, device)


def _place(split: Split, cache: CacheMode, device: torch.device) -> Place:
    if isinstance(split.inputs, ImageFiles):
        return "none"
    if device.type != "cpu" and (cache == "device" or (cache == "auto" and _fits(split, device))):
        return "device"
    return "disk" if cache == "disk" or (cache == "auto" and split.mapped) else "memory"


def _fits(split: Split, device: torch.device) -> bool:
    size = len(split) * split.inputs[0:1].nbytes
    return device.type == "cuda" and size <= _RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]


def _gathered(split: Split, sampler: Sampler) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for rows in sampler:
        index = torch.from_numpy(rows)
        there = to_device(index, split.inputs.device)
        yield split.at(there), split.leaf[there], there


@lru_cache(maxsize=1)  # epochs, and the trials that share a warm process, copy the split once
def _on_device(split: Split, device: torch.device) -> Split:
    inputs = split.inputs[:] if split.rows is None else split.inputs[split.rows]
    return Split(inputs.to(device), split.leaf.to(device))


class _Batches(Dataset[Any]):
    """Whole batches by their indices, for another process: see `_handed_over`."""

    def __init__(self, split: Split) -> None:
        self._split = split

    def __getitem__(self, rows: IntArray) -> list[Tensor] | list[npt.NDArray[Any]]:
        index = torch.from_numpy(rows)
        return _handed_over([self._split.at(index), self._split.leaf[index], index])


def _handed_over(batch: list[Tensor]) -> list[Tensor] | list[npt.NDArray[Any]]:
    """A batch in shared memory, or as arrays, which travel through a pipe, where /dev/shm is full.

    Left to itself torch moves a batch into shared memory in a thread of the worker process. What fails there is lost,
    and whoever waits for the batch waits for ever. Docker's default of 64 MB is soon full.
    """
    try:
        return [tensor.share_memory_() for tensor in batch]  # type: ignore[no-untyped-call]
    except RuntimeError:
        return [tensor.numpy() for tensor in batch]


class _Order:
    """The sampler of the epoch that is under way: worker processes outlive an epoch, samplers need not."""

    current: Sampler = ()

    def __iter__(self) -> Iterator[IntArray]:
        return iter(self.current)


def _decoded(split: Split, sampler: Sampler, device: torch.device) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    loader, order = _loader(split, device.type == "cuda")
    order.current = sampler
    try:
        for batch in loader:
            inputs, leaf, index = (torch.as_tensor(values) for values in batch)
            yield inputs, leaf, index
    except DataError as error:  # torch puts the traceback of the worker process before the message
        raise DataError(last_line(error).partition(": ")[2] or first_line(error)) from error
    except (RuntimeError, *_LOST) as error:
        _loader.cache_clear()  # what is left of its processes is of no use to anybody
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise DataError(
            "a process that decodes images exited, probably killed by the system for lack of memory: lower "
            "data.decode_workers or training.global_batch_size, or run fewer trials at once (trials.max_concurrent)"
        ) from error


def _as_it_is(batch: Any) -> Any:
    return batch


@lru_cache(maxsize=1)  # starting the processes takes seconds
def _loader(split: Split, pinned: bool) -> tuple[DataLoader[Any], _Order]:
    assert isinstance(split.inputs, ImageFiles)
    prepare_sockets()
    order = _Order()
    loader = DataLoader(
        _Batches(split),
        batch_size=None,
        sampler=order,
        num_workers=min(split.inputs.workers, usable_cpus()),
        collate_fn=_as_it_is,
        pin_memory=pinned,
        persistent_workers=True,
        # A fork of a process with threads (Ray's, OpenMP's) can hang.
        multiprocessing_context="forkserver",
    )
    return loader, order
