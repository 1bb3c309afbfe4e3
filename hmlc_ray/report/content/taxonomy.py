"""The label tree of a run, as its files have it; without torch."""

from __future__ import annotations

from contextlib import suppress

from hmlc_ray.errors import CheckpointError, TaxonomyError
from hmlc_ray.report.content.files import fetched
from hmlc_ray.study.schema import CHECKPOINT
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.checkpoint_files import TAXONOMY_FILE, read_json


def taxonomy_of(tracker: Tracker, run_id: str) -> Taxonomy | None:
    """The tree that a run was trained on; None where it logged no checkpoint."""
    for artifact in (f"{CHECKPOINT}/{TAXONOMY_FILE}", TAXONOMY_FILE):
        with fetched(tracker, run_id, artifact) as file, suppress(CheckpointError, TaxonomyError):
            if file is not None:
                return Taxonomy.from_dict(read_json(file))
    return None


def ancestors(taxonomy: Taxonomy, level: int) -> list[str]:
    """For each class of a level the path above it, `animal / mammal`; empty at the coarsest level."""
    above: list[list[str]] = [[] for _ in range(taxonomy.num_classes[level])]
    for number in range(taxonomy.num_classes[level]):
        at = number
        for h in range(level, 0, -1):
            at = int(taxonomy.parents[h][at])
            above[number].insert(0, taxonomy.class_names[h - 1][at])
    return [" / ".join(names) for names in above]
