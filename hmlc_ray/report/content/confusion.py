"""Confusion matrices of a run, as they were logged, with the classes in the order of the tree."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hmlc_ray.report.content.files import fetched
from hmlc_ray.report.content.taxonomy import ancestors
from hmlc_ray.study.schema import CONFUSION
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker


@dataclass(frozen=True)
class Confusion:
    """The probe's classes against the true ones, at one level of one split."""

    split: str
    level: str
    classes: tuple[str, ...]
    """In the order of the tree."""
    parents: tuple[str, ...]
    """What is above each class, as a path; empty at the coarsest level."""
    counts: dict[tuple[int, int], int]
    """Samples by true and predicted class, positions in `classes`; what does not occur is left out."""

    @property
    def total(self) -> int:
        """Samples that were judged."""
        return sum(self.counts.values())

    def mistakes(self) -> list[tuple[str, str, int]]:
        """True class, predicted class and samples of every kind of mistake, the most frequent first."""
        wrong = [(pair, count) for pair, count in self.counts.items() if pair[0] != pair[1]]
        wrong.sort(key=lambda entry: (-entry[1], entry[0]))
        return [(self.classes[true], self.classes[predicted], count) for (true, predicted), count in wrong]

    def share_in_family(self) -> float | None:
        """The share of mistakes that stay below the right parent; None at the coarsest level or without a mistake."""
        wrong = {pair: count for pair, count in self.counts.items() if pair[0] != pair[1]}
        if not wrong or not any(self.parents):
            return None
        within = sum(count for (one, other), count in wrong.items() if self.parents[one] == self.parents[other])
        return within / sum(wrong.values())


def confusions_of(tracker: Tracker, run_id: str, taxonomy: Taxonomy) -> tuple[Confusion, ...]:
    """The matrices that a run logged, test first, coarsest level first; none where it logged none."""
    with fetched(tracker, run_id, CONFUSION) as folder:
        files = sorted(folder.glob("*.csv")) if folder is not None else []
        found = [matrix for file in files if (matrix := _read(file, taxonomy)) is not None]
    return tuple(sorted(found, key=lambda one: (one.split != "test", taxonomy.level_index(one.level))))


def _read(file: Path, taxonomy: Taxonomy) -> Confusion | None:
    """The matrix of `<split>-<h>-<level>.csv`; None of a file that is not one of this tree."""
    split, _, rest = file.stem.partition("-")
    with suppress(OSError, ValueError, IndexError, StopIteration):
        h = int(rest.partition("-")[0])
        with file.open(newline="", encoding="utf-8") as opened:
            return in_tree_order(split, h, dict(_cells(csv.reader(opened), taxonomy.class_names[h])), taxonomy)
    return None


def _cells(table: Iterator[list[str]], names: tuple[str, ...]) -> Iterator[tuple[tuple[int, int], int]]:
    """True class, predicted class, samples. Of many classes the table is a list of what occurs."""
    header, number = next(table), {name: index for index, name in enumerate(names)}
    if header[1:] == ["predicted", "count"] and len(names) != 2:
        for one, other, count in table:
            yield (number[one], number[other]), int(count)
        return
    for true, row in enumerate(islice(table, len(names))):
        yield from (((true, said), int(count)) for said, count in enumerate(row[1:]) if int(count))


def in_tree_order(split: str, h: int, counts: dict[tuple[int, int], int], taxonomy: Taxonomy) -> Confusion:
    """A matrix by the numbers of the classes, with the classes in the order of the tree."""
    order = taxonomy.class_order(h).tolist()
    position, above = {number: at for at, number in enumerate(order)}, ancestors(taxonomy, h)
    return Confusion(
        split,
        taxonomy.level_names[h],
        tuple(taxonomy.class_names[h][number] for number in order),
        tuple(above[number] for number in order),
        {(position[one], position[other]): count for (one, other), count in counts.items()},
    )
