"""Which checkpoint a trial resumes from.

After a driver was killed Ray's record can be older than what is on disk: the checkpoint that it names may have been
pruned, and newer ones may lie beside. Or the named one is damaged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import ray.tune
from pyarrow.fs import FileSelector, FileType

from hmlc_ray.errors import CheckpointError
from hmlc_ray.study.storage import fetched
from hmlc_ray.training.checkpoint import Checkpoint, load_checkpoint

logger = logging.getLogger(__name__)


class ResumesFromNearest:
    """A mixin of Tune's trainables, whose own `restore` refuses a checkpoint that is gone, and so fails the trial."""

    def restore(self, result: Any) -> None:
        """Resume from the named checkpoint, or else from the nearest one beside it; without any, start again."""
        named = result.checkpoint
        nearest = next((other for other in _nearest(named) if _is_there(other)), None)
        if nearest is None:
            logger.warning("%s is gone, and there is none beside it; the trial starts again", named.path)
            return
        if nearest is not named:
            logger.warning("%s is gone; the trial resumes from %s", named.path, nearest.path)
        super().restore(type(result)(nearest, result.metrics))  # type: ignore[misc]


def read_checkpoint(named: Any) -> Checkpoint | None:
    """The checkpoint that Ray names (None: none), or the nearest intact one beside it, or none."""
    if named is None:
        return None
    for checkpoint in _nearest(named):
        try:
            with fetched(checkpoint.path, checkpoint.filesystem) as folder:
                return load_checkpoint(folder)
        except (CheckpointError, OSError) as error:
            logger.warning("%s; another checkpoint is looked for", error)
    logger.warning("no intact checkpoint beside %s; the trial starts again", named.path)
    return None


def _nearest(named: Any) -> Iterator[Any]:
    """The named checkpoint, then those of the same run: older ones, newest first, then newer ones, oldest first."""
    yield named
    parent, _, own = named.path.rstrip("/").rpartition("/")
    nearest = named.filesystem.get_file_info(FileSelector(parent, allow_not_found=True))
    names = sorted(info.base_name for info in nearest if info.base_name.startswith("checkpoint_"))
    nearest = [name for name in reversed(names) if name < own] + [name for name in names if name > own]
    for name in nearest:
        yield ray.tune.Checkpoint(f"{parent}/{name}", filesystem=named.filesystem)


def _is_there(checkpoint: Any) -> bool:
    return bool(checkpoint.filesystem.get_file_info(checkpoint.path).type != FileType.NotFound)
