"""Small artifacts of a run: what was logged beside its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hmlc_ray.errors import StoreAway, TrackingError
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.tracking import Tracker


@contextmanager
def fetched(tracker: Tracker, run_id: str, artifact: str) -> Iterator[Path | None]:
    """An artifact, file or folder, for the time of the block; None where the run has none of that name.

    Raises:
        StoreAway: if the store does not answer.
    """
    with scratch_folder("fetched") as scratch:
        try:
            found = tracker.download(run_id, artifact, scratch)
        except StoreAway:
            raise
        except TrackingError:
            found = None
        yield found if found is not None and found.exists() else None
