"""What is changed of Ray Tune for the time that it runs a study."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

from ray.train._internal import checkpoint_manager
from ray.train._internal.storage import get_fs_and_path
from ray.tune.execution import class_cache
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager
from ray.tune.search import SearchGenerator

# Looked up at import: a Ray that calls them otherwise is noticed at once.
_delete = checkpoint_manager._delete_fs_path
_count = _ExperimentCheckpointManager.on_trial_checkpoint
_set_state = SearchGenerator.set_state
_KEYS = frozenset(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"))


@contextmanager
def changed_tune(results: str | None = None) -> Iterator[None]:
    """Snapshots by time alone, no error where a checkpoint that is to be deleted is gone, and no AWS keys for trials;
    and a snapshot's number of trials does not count.

    The first two follow from trials that go on from whatever checkpoint is there (`resumption.GoesOn`). Tune takes a
    snapshot of all trials whenever one of them has written as many checkpoints as it keeps, lest none that the snapshot
    names be there any more. And where it deletes a checkpoint that is gone already, its error keeps it from counting
    the trial's new one, so that later ones overwrite each other.

    Every node uses its own AWS credentials: Tune would hand the driver's to trials in a runtime environment, which Ray
    writes on the command lines of its processes.

    A restored Tune would take the number of trials from its snapshot, and an end of the search that it noted there for
    final; both are `StudySearch`'s to tell, for a study that has got more trials since. And trials that it draws would
    be kept where the study's results were when the snapshot was taken: the home folder may have been moved since.

    Args:
        results: where the experiments' results are kept now, a path or a URI; None: where a snapshot says.
    """
    passed_on = class_cache.ENV_VARS_TO_PROPAGATE
    class_cache.ENV_VARS_TO_PROPAGATE = passed_on - _KEYS
    checkpoint_manager._delete_fs_path = _delete_if_there
    _ExperimentCheckpointManager.on_trial_checkpoint = _no_snapshot
    SearchGenerator.set_state = lambda generator, state: _restore(generator, state, results)
    try:
        yield
    finally:
        class_cache.ENV_VARS_TO_PROPAGATE = passed_on
        checkpoint_manager._delete_fs_path = _delete
        _ExperimentCheckpointManager.on_trial_checkpoint = _count
        SearchGenerator.set_state = _set_state


def _delete_if_there(fs: Any, fs_path: str) -> None:
    with suppress(FileNotFoundError):
        _delete(fs=fs, fs_path=fs_path)


def _no_snapshot(manager: _ExperimentCheckpointManager, trial: Any) -> None:
    """In place of the count of a trial's checkpoints."""


def _restore(generator: SearchGenerator, state: dict[str, Any], results: str | None) -> None:
    _set_state(generator, {**state, "total_samples": sys.maxsize, "finished": False})
    if results is not None:
        experiment = generator._experiment
        storage = experiment.spec["storage"] = experiment.storage = copy(experiment.storage)
        storage.storage_filesystem, storage.storage_fs_path = get_fs_and_path(results)
