"""What is changed in Ray Tune while it runs a study."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

from ray.tune.search import SearchGenerator

from hmlc_ray.sweep.cluster.internals import Delete, checkpoints_kept_by, filesystem_of, handed_over_again, passing_on

# Looked up at import: a Ray that calls it otherwise is noticed at once.
_set_state = SearchGenerator.set_state
_KEYS = frozenset(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"))


@contextmanager
def changed_tune(results: str | None = None) -> Iterator[None]:
    """Snapshots by time alone, no error where a checkpoint that is to be deleted is gone, no AWS keys for trials, and
    no failure of a trial that had not begun; and a snapshot's number of trials does not count.

    The first two follow from trials that resume from whatever checkpoint exists (`resume.ResumesFromNearest`). Tune
    takes a snapshot of all trials whenever one of them has written as many checkpoints as it keeps, so that those that
    the snapshot names still exist. And where it deletes a checkpoint that is gone already, its error keeps it from
    counting the trial's new one, so that later ones overwrite each other.

    Every node uses its own AWS credentials: Tune would hand the driver's to trials in a runtime environment, which Ray
    writes on the command lines of its processes.

    A restored Tune would take the number of trials from its snapshot, and an end of the search that it noted there for
    final; both are decided by `StudySearch`, for a study that has got more trials since. And trials that it draws would
    be kept where the study's results were when the snapshot was taken: the home folder may have been moved since.

    Args:
        results: where the experiments' results are kept now, a path or a URI; None: where a snapshot says.
    """
    with passing_on(without=_KEYS), checkpoints_kept_by(_if_there, _no_snapshot), handed_over_again():
        SearchGenerator.set_state = lambda generator, state: _restore(generator, state, results)
        try:
            yield
        finally:
            SearchGenerator.set_state = _set_state


def _if_there(delete: Delete) -> Delete:
    def delete_if_there(fs: Any, fs_path: str) -> None:
        with suppress(FileNotFoundError):
            delete(fs, fs_path)

    return delete_if_there


def _no_snapshot(manager: Any, trial: Any) -> None:
    """Replaces the count of a trial's checkpoints."""


def _restore(generator: SearchGenerator, state: dict[str, Any], results: str | None) -> None:
    _set_state(generator, {**state, "total_samples": sys.maxsize, "finished": False})
    if results is not None:
        experiment = generator._experiment
        storage = experiment.spec["storage"] = experiment.storage = copy(experiment.storage)
        storage.storage_filesystem, storage.storage_fs_path = filesystem_of(results)
