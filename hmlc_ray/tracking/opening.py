"""Which MLflow store a command uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hmlc_ray.home import Home
from hmlc_ray.machine.loopback import bypass_proxies
from hmlc_ray.tracking.tracker import Tracker

URI_VARIABLE = "MLFLOW_TRACKING_URI"


def open_tracker(
    uri: str | None, home: Home, *, spool: Path | None = None, note: Callable[[str], None] | None = None
) -> Tracker:
    """The store given, else `MLFLOW_TRACKING_URI`, else the home folder's own sqlite store.

    Args:
        spool, note: see `Tracker.connect`.

    Raises:
        TrackingError: within seconds, if it cannot be reached or written.
    """
    bypass_proxies()
    return Tracker.connect(chosen_uri(uri, home), artifact_root=home.artifacts, spool=spool, note=note)


def chosen_uri(uri: str | None, home: Home) -> str:
    """The store given, else `MLFLOW_TRACKING_URI`, else the home folder's own."""
    return uri or os.environ.get(URI_VARIABLE) or home.tracking_uri
