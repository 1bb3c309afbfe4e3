"""Seeded splits, stratified by leaf; the fingerprint; putting a data set together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from hmlc_ray.arrays import IntArray
from hmlc_ray.config.data import CacheMode
from hmlc_ray.config.splits import SplitSection
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.trees import given_tree
from hmlc_ray.errors import DataError
from hmlc_ray.folders.notes import check_counts, lacking, of_one_class, some
from hmlc_ray.names.counts import many
from hmlc_ray.taxonomy import Taxonomy

_TEST, _VALIDATION, _LIMIT, _PER_LEAF = range(4)  # streams of random numbers


def hold_out(leaf: IntArray, fraction: float, seed: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Divide samples by leaf: of every leaf the rounded share, at least one, is held out and at least one is kept.

    Args:
        leaf: int64 [N].
        fraction: share to hold out, in (0, 1).
        seed: one or more non-negative integers; the same ones give the same split.

    Returns:
        Indices kept and indices held out, each sorted; together they are 0..N-1, each once.

    Raises:
        DataError: if a leaf that occurs has a single sample.
    """
    counts = np.bincount(leaf)
    if (counts == 1).any():
        lonely = int(np.argmax(counts == 1))
        raise DataError(f"leaf {lonely} has 1 sample, too few to divide: every split needs at least one of each leaf")
    take = np.clip(np.rint(counts * fraction).astype(np.int64), 1, np.maximum(counts - 1, 0))
    held = _pick(leaf, np.minimum(take, counts), seed)
    return np.setdiff1d(np.arange(len(leaf)), held, assume_unique=True), held


def stratified_subset(leaf: IntArray, size: int, seed: tuple[int, ...]) -> IntArray:
    """`size` of the samples (all, where there are no more), each leaf in proportion by largest remainder.

    Args:
        leaf: int64 [N].

    Returns:
        Sorted indices, int64 [min(size, N)].
    """
    if size >= len(leaf):
        return np.arange(len(leaf))
    quota = np.bincount(leaf) * (size / len(leaf))
    take = np.floor(quota).astype(np.int64)
    largest = np.argsort(take - quota, kind="stable")[: size - int(take.sum())]
    take[largest] += 1
    return _pick(leaf, take, seed)


def _pick(leaf: IntArray, take: IntArray, seed: tuple[int, ...]) -> IntArray:
    """`take[c]` random samples of each leaf c, as sorted indices."""
    order = np.random.default_rng(seed).permutation(len(leaf))
    order = order[np.argsort(leaf[order], kind="stable")]
    ends = np.cumsum(np.bincount(leaf, minlength=len(take)))
    rank = np.arange(len(leaf)) - np.concatenate([[0], ends[:-1]])[leaf[order]]
    return np.sort(order[rank < take[leaf[order]]])


def select(split: Split, indices: IntArray) -> Split:
    """The samples at `indices`; of a shared array none is copied."""
    index = torch.from_numpy(indices)
    if split.rows is None:
        return Split(split.inputs[index], split.leaf[index])
    return replace(split, leaf=split.leaf[index], rows=split.rows[index])


def joined(one: Split, other: Split) -> Split:
    """The samples of both, which are parts of one array where they have `rows`."""
    leaf = torch.cat([one.leaf, other.leaf])
    if one.rows is None or other.rows is None:
        return Split(torch.cat([one.inputs[:], other.inputs[:]]), leaf)
    return replace(one, leaf=leaf, rows=torch.cat([one.rows, other.rows]))


def limited(split: Split, size: int | None, seed: int) -> Split:
    """A stratified subset of `size` samples; None: all."""
    return split if size is None else select(split, stratified_subset(split.leaf.numpy(), size, (seed, _LIMIT)))


def per_leaf(split: Split, limit: int | None, seed: int) -> Split:
    """At most `limit` samples of each leaf; those of a smaller limit are among those of a larger one. None: all."""
    if limit is None:
        return split
    counts = np.bincount(split.leaf.numpy())
    return select(split, _pick(split.leaf.numpy(), np.minimum(counts, limit), (seed, _PER_LEAF)))


def divide(
    config: SplitSection,
    taxonomy: Taxonomy,
    train: Split,
    val: Split | None = None,
    test: Split | None = None,
    *,
    notes: Sequence[str] = (),
) -> DataSet:
    """A data set from the splits it came with; a missing test, then a missing validation split is taken from train.

    A split that is given may lack classes, which becomes a note. `limit_per_leaf` holds for what is trained on, so that
    with `train_on: train+val` it is drawn from both.

    Args:
        taxonomy: the data set's own, over whose leaves the configuration may put another.
        notes: what is known already.

    Raises:
        DataError: if a leaf has too few samples to be in every split, or a split that is given has none at all.
        TaxonomyError: if a label is not in the taxonomy; see also `given_tree`.
    """
    taxonomy, of_tree = given_tree(config, taxonomy)
    counts = {}
    for name, split in (("train", train), ("val", val), ("test", test)):
        if split is not None:
            taxonomy.paths(split.leaf.numpy())
            if not len(split):
                raise DataError(f"the {name} split holds no sample that can be read")
            counts[name] = np.bincount(split.leaf.numpy(), minlength=taxonomy.num_leaves)
    check_enough(taxonomy, counts, untrained=config.untrained == "keep")
    notes = (*notes, *of_tree, *_notes(taxonomy, counts))
    if test is None:
        kept, held = hold_out(train.leaf.numpy(), config.test_fraction, (config.split_seed, _TEST))
        train, test = select(train, kept), select(train, held)
    if val is None:
        kept, held = hold_out(train.leaf.numpy(), config.validation_fraction, (config.split_seed, _VALIDATION))
        train, val = select(train, kept), select(train, held)
    few = per_leaf(train, config.limit_per_leaf, config.split_seed)
    digest = fingerprint(taxonomy, few, val, test)
    cache: CacheMode = getattr(config, "cache", "auto")
    if config.train_on == "train+val":
        train, val = joined(train, val), None
        few = per_leaf(train, config.limit_per_leaf, config.split_seed)
    notes = (*notes, *_limit_notes(taxonomy, train, few, config.limit_per_leaf))
    return DataSet(taxonomy, few, val, test, digest, cache, notes)


def fingerprint(taxonomy: Taxonomy, *splits: Split) -> str:
    """SHA-256, as hexadecimal digits, over the taxonomy and every split's shape, type, inputs and leaves, in order.

    Of a shared array its digest and the rows are taken instead of the inputs.
    """
    digest = hashlib.sha256(json.dumps(taxonomy.to_dict(), sort_keys=True).encode())
    for split in splits:
        digest.update(f"{split.inputs.dtype} {tuple(split.inputs.shape)}".encode())
        if split.rows is not None and split.inputs_digest is not None:
            digest.update(split.inputs_digest.encode())
            inputs = split.rows
        else:
            inputs = split.inputs[:] if split.rows is None else split.inputs[split.rows]
        for values in (inputs, split.leaf):
            digest.update(values.contiguous().numpy().data)
    return digest.hexdigest()


def check_enough(taxonomy: Taxonomy, counts: Mapping[str, IntArray], *, untrained: bool = False) -> None:
    """Check that every leaf has a training sample left when the splits that are not given have taken theirs.

    Args:
        counts: per split that is given the samples of each leaf, int64 [C].
        untrained: accept leaves of which only other splits have samples.

    Raises:
        DataError: see `check_counts`.
    """
    of_leaf = {split: own.tolist() for split, own in counts.items()}
    check_counts(taxonomy.class_names[-1], of_leaf, untrained=untrained)


def _notes(taxonomy: Taxonomy, counts: Mapping[str, IntArray]) -> list[str]:
    names = taxonomy.class_names[-1]
    missing = {split: [names[leaf] for leaf in np.flatnonzero(count == 0)] for split, count in counts.items()}
    notes = [lacking(split, lacks, len(names)) for split, lacks in missing.items() if lacks]
    return notes + of_one_class(taxonomy.level_names, taxonomy.class_names)


def _limit_notes(taxonomy: Taxonomy, train: Split, few: Split, limit: int | None) -> list[str]:
    if limit is None:
        return []
    counts = np.bincount(train.leaf.numpy(), minlength=taxonomy.num_leaves)
    less = [taxonomy.class_names[-1][leaf] for leaf in np.flatnonzero(counts < limit)]
    fewer = f"; {len(less)} of {taxonomy.num_leaves} have fewer: {some(less)}" if less else ""
    return [
        f"train holds {len(few):,} of {many(len(train), 'sample')}, at most {limit} of each leaf "
        f"(limit_per_leaf){fewer}"
    ]
