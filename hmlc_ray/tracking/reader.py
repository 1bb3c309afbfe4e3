"""Queries of a store's runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hmlc_ray.errors import StoreAway, TrackingError
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind, TrialStatus
from hmlc_ray.tracking.experiments import restore_command
from hmlc_ray.tracking.store import translated
from hmlc_ray.tracking.trial_run import TrialRun, trial_run_of
from hmlc_ray.tracking.writer import StoreWriter

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


class RunReader:
    """What a Tracker knows of the runs of a store, in all experiments that belong to its own.

    Every method raises TrackingError if the store cannot be reached or refuses.
    """

    def __init__(self, client: MlflowClient, writer: StoreWriter, uri: str) -> None:
        self._client, self._writer, self._uri = client, writer, uri

    def studies(self) -> list[TrialRun]:
        """Every study of the experiment, oldest first; `tags[schema.STUDY]` is its name."""
        return [trial_run_of(run) for run in self._writer.search(_of_kind(RunKind.STUDY))]

    def singles(self) -> list[TrialRun]:
        """Every run that belongs to no study, oldest first."""
        return [trial_run_of(run) for run in self._writer.search(_of_kind(RunKind.SINGLE))]

    def benchmarks(self) -> list[TrialRun]:
        """The run of every benchmark, oldest first."""
        return [trial_run_of(run) for run in self._writer.search(_of_kind(RunKind.BENCHMARK))]

    def find_study(self, study: str, kind: RunKind = RunKind.STUDY) -> str | None:
        """The run id of a study or of another run with runs below it; None if the store has none of that name.

        Where a run was restored after another one of its name was made, the newest is meant, as by whoever lists them.
        """
        runs = map(trial_run_of, self._writer.search(_of_kind(kind)))
        return {run.tags.get(schema.STUDY): run.run_id for run in runs}.get(study)

    def deleted_study(self, study: str) -> str | None:
        """The run id of a study whose run was deleted, in MLflow's interface for instance, and can be restored."""
        runs = self._writer.search(f"{_of_kind(RunKind.STUDY)} and tags.`{schema.STUDY}` = '{study}'", deleted=True)
        return next((str(run.info.run_id) for run in runs), None)

    def deleted_children(self, parent: str) -> list[TrialRun]:
        """The trials of a study whose runs were deleted and can be restored."""
        return [trial_run_of(run) for run in self._writer.search(f"tags.`{schema.PARENT}` = '{parent}'", deleted=True)]

    def restore_command(self, run_id: str) -> str:
        """The shell command that restores a deleted run, or the deleted experiment that it is in."""
        with translated(self._uri):
            return restore_command(self._client, self._uri, self._writer.experiments.of_run(run_id), run_id)

    def is_active(self, run_id: str) -> bool:
        """Whether a run exists and was not deleted."""
        try:
            with translated(self._uri):
                return str(self._client.get_run(self._writer.resolve(run_id)).info.lifecycle_stage) == "active"
        except StoreAway:
            raise
        except TrackingError:
            return False

    def run(self, run_id: str) -> TrialRun:
        """One run in its present state."""
        with translated(self._uri):
            return trial_run_of(self._client.get_run(self._writer.resolve(run_id)))

    def experiment_of(self, run_id: str) -> str:
        """Id of the experiment that a run is in."""
        with translated(self._uri):
            return self._writer.experiments.of_run(self._writer.resolve(run_id))

    def history(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """A metric's (step, value), by step."""
        with translated(self._uri):
            points = self._client.get_metric_history(run_id, metric_key(metric))
        return sorted((int(point.step), float(point.value)) for point in points)

    def children(self, parent: str) -> list[TrialRun]:
        """The trials of a study, oldest first."""
        return [trial_run_of(run) for run in self._writer.search(f"tags.`{schema.PARENT}` = '{parent}'")]

    def running_children(self, parent: str, most: int) -> list[TrialRun]:
        """The trials of a study that run, oldest first; at most `most` of them are read."""
        return self._first(parent, "attributes.status = 'RUNNING'", "attributes.start_time ASC", most)

    def best_children(self, parent: str, metric: str, mode: str, most: int) -> list[TrialRun]:
        """The completed trials with the best last values of a metric (`mode` max or min); at most `most` are read."""
        order = f"metrics.`{metric_key(metric)}` {'DESC' if mode == 'max' else 'ASC'}"
        return self._first(parent, f"tags.`{schema.STATUS}` = '{TrialStatus.COMPLETED.tag}'", order, most)

    def _first(self, parent: str, which: str, order: str, most: int) -> list[TrialRun]:
        runs = self._writer.first(f"tags.`{schema.PARENT}` = '{parent}' and {which}", order, most)
        return [trial_run_of(run) for run in runs]

    def unfinished(self, parent: str) -> list[TrialRun]:
        """The trials of a study that are running in the store."""
        return [trial for trial in self.children(parent) if trial.is_open]


def _of_kind(kind: RunKind) -> str:
    return f"tags.`{schema.KIND}` = '{kind}'"
