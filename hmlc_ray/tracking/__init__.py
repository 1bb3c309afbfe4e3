"""What ran: MLflow, written by the driver alone."""

from __future__ import annotations

from hmlc_ray.tracking.operations import RunStatus
from hmlc_ray.tracking.tracker import Tracker
from hmlc_ray.tracking.trial_run import TrialRun
from hmlc_ray.tracking.uri import with_driver

__all__ = ["RunStatus", "Tracker", "TrialRun", "with_driver"]
