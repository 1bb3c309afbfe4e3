"""What is changed of Ray Tune for the time that it runs a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ray.train._internal import checkpoint_manager
from ray.tune.execution import class_cache
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager

# Looked up at import: a Ray that calls them otherwise is noticed at once.
_delete = checkpoint_manager._delete_fs_path
_count = _ExperimentCheckpointManager.on_trial_checkpoint
_KEYS = frozenset(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"))


@contextmanager
def changed_tune() -> Iterator[None]:
    """Snapshots by time alone, no error where a checkpoint that is to be deleted is gone, and no AWS keys for trials.

    The first two follow from trials that go on from whatever checkpoint is there (`resumption.GoesOn`). Tune takes a
    snapshot of all trials whenever one of them has written as many checkpoints as it keeps, lest none that the snapshot
    names be there any more. And where it deletes a checkpoint that is gone already, its error keeps it from counting
    the trial's new one, so that later ones overwrite each other.

    Every node uses its own AWS credentials: Tune would hand the driver's to trials in a runtime environment, which Ray
    writes on the command lines of its processes.
    """
    passed_on = class_cache.ENV_VARS_TO_PROPAGATE
    class_cache.ENV_VARS_TO_PROPAGATE = passed_on - _KEYS
    checkpoint_manager._delete_fs_path = _delete_if_there
    _ExperimentCheckpointManager.on_trial_checkpoint = _no_snapshot
    try:
        yield
    finally:
        class_cache.ENV_VARS_TO_PROPAGATE = passed_on
        checkpoint_manager._delete_fs_path = _delete
        _ExperimentCheckpointManager.on_trial_checkpoint = _count


def _delete_if_there(fs: Any, fs_path: str) -> None:
    with suppress(FileNotFoundError):
        _delete(fs=fs, fs_path=fs_path)


def _no_snapshot(manager: _ExperimentCheckpointManager, trial: Any) -> None:
    """In place of the count of a trial's checkpoints."""
