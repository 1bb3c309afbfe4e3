"""What is said about a folder that can be used, though not all of it is as one might think."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hmlc_ray.errors import DataError
from hmlc_ray.folders.split_names import split_role
from hmlc_ray.folders.suffixes import count_suffixes
from hmlc_ray.folders.walk import ClassPath, Found
from hmlc_ray.names.counts import are, many

SKIPPING = "; repair it, remove it, or set data.on_bad_file: skip"
"""The end of an error that names a file which cannot be used."""
_SHOWN = 3
_SHORT_SHOWN = 10


def lacking(split: str, names: Sequence[str], total: int) -> str:
    """A split lacks classes, of `total` leaves."""
    if split == "train":
        end = "; without training samples they cannot be learned, and their samples in other splits count as mistakes"
    else:
        end = ", which its metrics do not cover"
    return f"{split} has no sample of {len(names)} of {many(total, 'class', 'classes')}: {some(names)}{end}"


def lacking_each(classes: Mapping[Any, Iterable[ClassPath]], leaves: Sequence[ClassPath]) -> list[str]:
    """A sentence for each split that lacks leaves, by the classes of its samples."""
    found = {split: set(own) for split, own in classes.items()}
    missing = {split: [path[-1] for path in leaves if path not in own] for split, own in found.items()}
    return [lacking(split, names, len(leaves)) for split, names in missing.items() if names]


def of_one_class(level_names: Iterable[str], classes: Iterable[Collection[str]]) -> list[str]:
    """Levels that carry no information, by the names of the classes at each level."""
    return [
        f"the level {level!r} has one class, {next(iter(names))!r}: its metrics are perfect and raise every mean"
        for level, names in zip(level_names, classes, strict=True)
        if len(names) == 1
    ]


def some(names: Sequence[str]) -> str:
    """The first few, and the number of others."""
    return _first(list(map(repr, names)), _SHOWN)


def _first(texts: Sequence[str], shown: int) -> str:
    more = f" and {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + more


def check_counts(leaves: Sequence[str], counts: Mapping[str, Sequence[int]], *, untrained: bool = False) -> None:
    """Check that every leaf has a training sample left when the splits that are not given have taken theirs.

    Args:
        leaves: their names.
        counts: per split that is given the samples of each leaf, in the same order.
        untrained: accept leaves of which only other splits have samples.

    Raises:
        DataError: naming the leaf that lacks most, and the others that lack samples.
    """
    train, needed = counts["train"], 1 + ("val" not in counts) + ("test" not in counts)
    elsewhere = [sum(own) - own_train for own, own_train in zip(zip(*counts.values(), strict=True), train, strict=True)]
    short = [
        leaf for leaf, count in enumerate(train) if count < needed and (count or not elsewhere[leaf] or not untrained)
    ]
    if short:
        raise DataError(_too_few(sorted(short, key=lambda leaf: train[leaf]), leaves, train, needed))
    if sum(map(bool, train)) < 2:
        raise DataError("the train split has samples of a single class; at least two are needed")


def _too_few(short: Sequence[int], leaves: Sequence[str], train: Sequence[int], needed: int) -> str:
    worst, *others = short
    also = _first([f"{leaves[leaf]!r} ({train[leaf]})" for leaf in others], _SHORT_SHOWN)
    return (
        f"leaf {leaves[worst]!r} has {many(train[worst], 'training sample')}, but at least {needed} are needed: "
        "every split that is not given takes one of each leaf"
        + (f"; too few have also {also}" if also else "")
        + f"; add samples, or leave out or merge {'these classes' if also else 'this class'}"
        + ("" if train[worst] else " (data.untrained: keep accepts leaves that only other splits have)")
    )


def check_common_classes(
    root: Path, splits: Mapping[str, Mapping[ClassPath, object]], *, untrained: bool = False
) -> None:
    """Refuse splits whose classes are the same but for their spelling, or that have none in common with train; unless
    `untrained`, also those with any class that train has not.

    Raises:
        DataError: naming the classes and the splits.
    """
    train = splits["train"]
    folded = {_folded(path): path for path in train}
    for name, leaves in splits.items():
        unknown = sorted(leaves.keys() - train.keys())
        for path in unknown:
            near = folded.get(_folded(path))
            if near is not None and near not in leaves:
                raise DataError(
                    f"the class {'/'.join(near)!r} of train is called {'/'.join(path)!r} in {name}, below "
                    f"{str(root)!r}: rename one"
                )
        if leaves and len(unknown) == len(leaves):
            raise DataError(
                f"the splits below {str(root)!r} have no class in common: {some(_joined(train))} in train, "
                f"{some(_joined(leaves))} in {name}"
            )
        if unknown and not untrained:
            raise DataError(
                f"the splits below {str(root)!r} differ in classes: {some(_joined(unknown))} in {name} but not in "
                "train, so that nothing can learn them (data.untrained: keep accepts that)"
            )


def notes_of(
    root: Path,
    found: Iterable[Found],
    wrappers: Sequence[str],
    splits: Mapping[str, Mapping[ClassPath, object]],
    total: int,
    *,
    look_alike: bool = False,
) -> tuple[str, ...]:
    """What `scan_folder` left out or looked through. Classes that a split lacks are counted by their samples, later.

    Args:
        look_alike: say where the coarsest classes hold the same classes, as parts of a data set do.
    """
    left_out: Counter[str] = Counter()
    barren: list[str] = []
    renamed: dict[str, str] = {}
    loose: list[Path] = []
    for part in found:
        left_out += part.left_out
        barren += _joined((*part.barren, *part.beside))
        renamed |= part.renamed
        loose += part.loose
    found = list(found)
    notes = _alike(splits["train"]) if look_alike else []
    if len(splits) == 1:
        notes += _unread_lists([file for part in found for file in part.lists])
    notes += [f"files of other types are left out: {count_suffixes(left_out)}"] if left_out else []
    if loose:
        notes.append(
            f"{many(len(loose), 'file')} in {str(root)!r} itself {are(len(loose))} left out, {loose[0].name!r} for one"
        )
    if barren:
        notes.append(f"folders without a sample are left out: {some(barren)}")
    if wrappers:
        notes.append(f"every sample lies in {some(wrappers)}, which is looked through and makes no level")
    if renamed:
        first = next(iter(renamed))
        notes.append(
            f"names that are not UTF-8 or hold control characters are changed, {first!a} to {renamed[first]!r}"
        )
    return tuple(notes)


def _alike(leaves: Iterable[ClassPath]) -> list[str]:
    below: dict[str, set[ClassPath]] = {}
    for path in leaves:
        below.setdefault(path[0], set()).add(path[1:])
    first = next(iter(below.values()))
    if len(below) < 2 or len(first) < 2 or any(classes != first for classes in below.values()):
        return []
    names = sorted(below)
    return [
        f"{some(names)} hold the same classes, {some(_joined(first))}, and are a level above them: if they are parts "
        f"of one data set, data.splits: {{train: {names[0]}}} reads one alone"
    ]


def _unread_lists(files: Sequence[Path]) -> list[str]:
    if len({split_role(file.stem) for file in files}) < 2:
        return []
    names = [file.name for file in files]
    return [
        f"{some(names)} look like lists of splits, which are not read; folders of splits are, and so is a list of all "
        "samples with a column split (data.kind: manifest)"
    ]


def _folded(path: ClassPath) -> str:
    return "/".join(path).casefold().replace(" ", "_").replace("-", "_")


def _joined(paths: Iterable[ClassPath]) -> list[str]:
    return ["/".join(path) for path in sorted(paths)]
