"""A run as the store has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hmlc_ray.study import schema
from hmlc_ray.study.schema import TrialStatus

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True)
class TrialRun:
    """A run as the store has it."""

    run_id: str
    trial_id: str
    """Empty for runs that are not trials."""
    status: str
    """MLflow's: RUNNING, FINISHED, FAILED or KILLED. `tags[schema.STATUS]` distinguishes completed from pruned."""
    params: dict[str, str]
    metrics: dict[str, float]
    """Last value of each metric."""
    tags: dict[str, str]
    experiment_id: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended, for MLflow."""
        return self.status in schema.MLFLOW_OPEN

    @property
    def trial_status(self) -> TrialStatus:
        """Status of a trial, finer than `status`."""
        return TrialStatus.of_tag(self.tags.get(schema.STATUS))


def trial_run_of(run: Run) -> TrialRun:
    """What MLflow's client gives, as plain data."""
    data = run.data
    trial_id = data.tags.get(schema.TRIAL_ID, "")
    return TrialRun(
        str(run.info.run_id),
        trial_id,
        run.info.status,
        dict(data.params),
        dict(data.metrics),
        dict(data.tags),
        str(run.info.experiment_id),
    )
