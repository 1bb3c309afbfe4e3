"""Batch samplers: the samples of each global batch, and this worker's share of them.

Every worker draws the same global batches from (seed, epoch) and keeps its own slice, so the union over workers is
what a single process gets, whatever their number. An epoch has max(1, N // B) batches for every sampler, so budgets
compare; each batch holds exactly B samples. Samples left over at the end of an epoch are dropped (others in the
next epoch, since the order is drawn again). A set smaller than one batch gives one batch per epoch, of N samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from hmlc_ray.arrays import IntArray
from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.errors import ConfigError, DataError
from hmlc_ray.names.counts import many

REDRAWS = 8
"""Attempts at a companion that is not yet in the batch; after that a repeated sample is kept."""


class BatchSampler(ABC):
    """Iterates over this worker's part of each global batch of the current epoch, as int64 [n_r] indices.

    Args:
        num_samples: N.
        batch_size: B, samples per global batch; N if the set is smaller.
        seed: with the epoch it decides every draw.
        rank: this worker's number; it gets the rows from B * rank // R up to B * (rank + 1) // R.
        world_size: R.
    """

    def __init__(self, num_samples: int, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        self.num_samples = num_samples
        self.batch_size = min(batch_size, num_samples)
        self.epoch = 0
        self._seed = seed
        self._slice = slice(self.batch_size * rank // world_size, self.batch_size * (rank + 1) // world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (0-based) that the next iteration draws."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, self.num_samples // self.batch_size)

    def __iter__(self) -> Iterator[IntArray]:
        yield from self.global_batches()[:, self._slice]

    def global_batches(self) -> IntArray:
        """The epoch's batches over all workers, int64 [len(self), B]."""
        return self._draw(np.random.default_rng([self._seed, self.epoch]))

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> IntArray:
        """Sample indices [len(self), B]."""


class UniformSampler(BatchSampler):
    """A random order of all samples, cut into batches: no sample twice in an epoch."""

    def _draw(self, rng: np.random.Generator) -> IntArray:
        order = rng.permutation(self.num_samples)[: len(self) * self.batch_size]
        return order.reshape(len(self), self.batch_size)


class ClassBalancedSampler(BatchSampler):
    """As many samples of every class as of any other, give or take one, in every batch.

    B mod C classes, drawn again for each batch, get one more; so with fewer slots than classes a batch holds a random
    choice of classes, once each. A class's samples are used in a random order that is repeated when it is used up:
    samples of rare classes recur within an epoch, but within a batch only where the class is smaller than its share.

    Args:
        labels: int64 [N], the class of each sample at the balanced level; classes without samples are left out.
    """

    def __init__(self, labels: IntArray, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        super().__init__(len(labels), batch_size, seed, rank, world_size)
        _, self._classes, self._counts = np.unique(labels, return_inverse=True, return_counts=True)
        self._starts = np.cumsum(self._counts) - self._counts

    def _draw(self, rng: np.random.Generator) -> IntArray:
        order = rng.permutation(self.num_samples)
        by_class = order[np.argsort(self._classes[order], kind="stable")]
        slots = self._class_slots(rng).ravel()
        turn = _occurrence(slots, len(self._counts))
        picks = by_class[self._starts[slots] + turn % self._counts[slots]]
        return rng.permuted(picks.reshape(len(self), self.batch_size), axis=1)

    def _class_slots(self, rng: np.random.Generator) -> IntArray:
        """The class of every slot, [len(self), B]."""
        rounds, rest = divmod(self.batch_size, len(self._counts))
        slots = np.tile(np.arange(len(self._counts)), (len(self), rounds))
        if rest:
            extra = [rng.choice(len(self._counts), rest, replace=False) for _ in range(len(self))]
            slots = np.concatenate([slots, np.stack(extra)], axis=1)
        return slots


class HierarchicalSampler(BatchSampler):
    """Groups of H + 2: an anchor, a sample of the same leaf, then one differing first at each level, finest first
    (the hierarchical batch sampling of arXiv 2204.13207).

    Anchors follow a random order without replacement, so an epoch uses about N / (H + 2) of them. Companions are
    drawn uniformly over the samples in that relation (the released code walks the tree with equal odds per child),
    with replacement over an epoch; one that is already in the batch is drawn again, up to `REDRAWS` times. Where
    nobody is in the relation (a leaf with one sample, an only child), the next coarser relation that has somebody
    takes the slot, else the next finer one. The last group of a batch is cut to fit, coarsest relation first.

    Args:
        paths: int64 [N, H].
    """

    def __init__(self, paths: IntArray, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        super().__init__(len(paths), batch_size, seed, rank, world_size)
        self._sorted = np.lexsort(paths.T[::-1])
        self._bounds = _class_ranges(paths[self._sorted])
        self._relation = _relations(self._bounds)

    def _draw(self, rng: np.random.Generator) -> IntArray:
        group = self._relation.shape[1] + 1
        num_groups = -(-self.batch_size // group)
        slot = np.arange(self.batch_size) % group
        anchors = rng.permutation(self.num_samples)[: len(self) * num_groups].reshape(len(self), num_groups)
        anchors = anchors.repeat(group, axis=1)[:, : self.batch_size]
        batches = anchors.copy()
        todo = np.broadcast_to(slot > 0, batches.shape)
        for _ in range(1 + REDRAWS):
            row, column = np.nonzero(todo)
            if not len(row):
                break
            batches[row, column] = self._companions(anchors[row, column], slot[column] - 1, rng)
            todo = _repeated(batches, np.argsort(slot, kind="stable")) & (slot > 0)
        found: IntArray = self._sorted[batches]
        return found

    def _companions(self, anchor: IntArray, slot: IntArray, rng: np.random.Generator) -> IntArray:
        """One sample (a position in sorted order) per anchor, from the outer class but not from the inner one."""
        inner = self._relation[anchor, slot]
        (outer_start, outer_end), (start, end) = self._bounds[inner - 1, :, anchor].T, self._bounds[inner, :, anchor].T
        pick = outer_start + rng.integers(0, (outer_end - outer_start) - (end - start))
        companions: IntArray = np.where(pick >= start, pick + (end - start), pick)
        return companions


def build_sampler(config: TrainingConfig, paths: IntArray, *, seed: int, rank: int, world_size: int) -> BatchSampler:
    """The sampler that `training.sampler` names.

    Args:
        config: `global_batch_size`, `sampler` and `sampler_level` are read.
        paths: int64 [N, H], the class of each training sample at every level.
        seed: decides, with the epoch, every draw; the same on all workers.
        rank: this worker's number in [0, world_size).

    Raises:
        DataError: if there are no samples.
        ConfigError: if a batch has fewer samples than there are workers, or cannot hold one group of the hierarchical
            sampler.
    """
    num_samples = len(paths)
    if not num_samples:
        raise DataError("the training split holds no samples")
    size = min(config.global_batch_size, num_samples)
    if size < world_size:
        raise ConfigError(
            f"a batch of {many(size, 'sample')} cannot be shared by {many(world_size, 'worker')}; "
            "each needs at least one"
        )
    return SAMPLERS[config.sampler](config, paths, size, seed, rank, world_size)


def _uniform(config: TrainingConfig, paths: IntArray, *draws: int) -> BatchSampler:
    return UniformSampler(len(paths), *draws)


def _class_balanced(config: TrainingConfig, paths: IntArray, *draws: int) -> BatchSampler:
    level = paths.shape[1] - 1 if config.sampler_level == "leaf" else config.sampler_level
    return ClassBalancedSampler(paths[:, level], *draws)


def _hierarchical(config: TrainingConfig, paths: IntArray, *draws: int) -> BatchSampler:
    size, num_levels = draws[0], paths.shape[1]
    if size < num_levels + 2:
        raise ConfigError(
            f"a batch of {many(size, 'sample')} is too small for training.sampler 'hierarchical', "
            "which draws groups of "
            f"{num_levels + 2}: an anchor, its positive, and one sample that differs at each of the {num_levels} levels"
        )
    return HierarchicalSampler(paths, *draws)


SAMPLERS: dict[str, Callable[..., BatchSampler]] = {
    "uniform": _uniform,
    "class-balanced": _class_balanced,
    "hierarchical": _hierarchical,
}
"""Functions called with `(config, paths, batch_size, seed, rank, world_size)`, by the value of `training.sampler`."""


def _occurrence(labels: IntArray, num_classes: int) -> IntArray:
    """How many times each entry's label came before it."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=num_classes)
    turn = np.empty(len(labels), dtype=np.int64)
    turn[order] = np.arange(len(labels)) - (np.cumsum(counts) - counts).repeat(counts)
    return turn


def _class_ranges(paths: IntArray) -> IntArray:
    """Start and end of each row's class per level, for rows sorted by path: int64 [H + 2, 2, N].

    Entry 0 is the root, 1 + h level h, H + 1 the row by itself.
    """
    num_samples, num_levels = paths.shape
    rows = np.arange(num_samples)
    bounds = [(np.zeros_like(rows), np.full_like(rows, num_samples))]
    for level in range(num_levels):
        change = np.flatnonzero(np.diff(paths[:, level])) + 1
        edges = np.concatenate([[0], change, [num_samples]])
        sizes = np.diff(edges)
        bounds.append((edges[:-1].repeat(sizes), edges[1:].repeat(sizes)))
    bounds.append((rows, rows + 1))
    return np.array(bounds, dtype=np.int64)


def _relations(bounds: IntArray) -> IntArray:
    """The inner class, per row and slot, that a companion must lie outside of: [N, H + 1], an index of `bounds`.

    Slot 0 asks for the same leaf (inner = the row itself), slot s for a first difference s levels further up. An
    empty relation is replaced by the next coarser one that is not, else by the next finer one.
    """
    sizes = bounds[:, 1] - bounds[:, 0]
    filled = (sizes[:-1] > sizes[1:])[::-1].T
    wanted = np.arange(filled.shape[1])
    coarser = np.where(filled, wanted, filled.shape[1])
    coarser = np.minimum.accumulate(coarser[:, ::-1], axis=1)[:, ::-1]
    finer = np.maximum.accumulate(np.where(filled, wanted, 0), axis=1)
    inner: IntArray = len(sizes) - 1 - np.where(coarser < filled.shape[1], coarser, finer)
    return inner


def _repeated(batches: IntArray, priority: IntArray) -> npt.NDArray[np.bool_]:
    """Which entries repeat another one of their row that comes earlier in the columns' order of priority."""
    batches = batches[:, priority]
    order = np.argsort(batches, axis=1, kind="stable")
    ordered = np.take_along_axis(batches, order, axis=1)
    same = np.zeros(batches.shape, dtype=bool)
    same[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.empty_like(same)
    np.put_along_axis(repeated, priority[order], same, axis=1)
    return repeated
