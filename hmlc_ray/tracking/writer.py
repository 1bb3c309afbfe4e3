"""Operations applied to an MLflow store. Each can be applied again: what is there already is left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.errors import StoreAway, TrackingError
from hmlc_ray.names.uris import public_uri
from hmlc_ray.study import schema
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.tracking import values
from hmlc_ray.tracking.datasets import log_dataset
from hmlc_ray.tracking.experiments import Experiments
from hmlc_ray.tracking.models import register
from hmlc_ray.tracking.operations import (
    CreateTrial,
    DropArtifacts,
    Finish,
    LogArtifacts,
    LogDataset,
    LogMetrics,
    OfFolder,
    Operation,
    RegisterModel,
    Reopen,
    SetTags,
)
from hmlc_ray.tracking.store import quiet_import, translated

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


class StoreWriter:
    """The one writer of a store's runs.

    It remembers which (metric, step) a run has, so that an epoch that is reported again adds no second point; for
    runs that it did not create, or where a write may have gone through in part, the store is asked.
    """

    def __init__(self, client: MlflowClient, experiment_id: str, uri: str) -> None:
        self._client, self._experiment_id, self._uri = client, experiment_id, uri
        self.experiments = Experiments(client, experiment_id, uri)
        self._trials: dict[str, dict[str, str]] = {}
        self._logged: dict[str, set[tuple[str, int]]] = {}

    @property
    def uri(self) -> str:
        """Without credentials."""
        return public_uri(self._uri)

    def apply(self, operation: Operation) -> None:
        """Bring the store to where the operation wants it.

        Raises:
            StoreAway: if the store does not answer; whether it was applied is then unknown. Not for a registered
                model: earlier versions put those among what waits for the store, and nothing may wait for a registry.
            TrackingError: if the store refuses it.
        """
        try:
            self._apply(operation)
        except StoreAway as error:
            if isinstance(operation, RegisterModel) or self._is_denied(error):
                raise TrackingError(str(error)) from error
            raise

    def _is_denied(self, error: StoreAway) -> bool:
        """Whether a store that forbids an operation answers other requests: then only this operation is not allowed."""
        from mlflow.exceptions import MlflowException

        if not isinstance(error.__cause__, MlflowException) or error.__cause__.get_http_status_code() != 403:
            return False
        try:
            self._client.get_experiment(self._experiment_id)
        except MlflowException:
            return False
        return True

    def _apply(self, operation: Operation) -> None:
        with translated(self._uri), quiet_import():
            match operation:
                case CreateTrial():
                    self._create_trial(operation)
                case LogDataset():
                    log_dataset(self._client, self.resolve(operation.run), operation.dataset)
                case LogMetrics():
                    self._log_metrics(operation)
                case SetTags():
                    self._set_tags(self.resolve(operation.run), operation.tags)
                case LogArtifacts():
                    self._log_artifacts(operation)
                case DropArtifacts():
                    self._drop(operation)
                case RegisterModel():
                    self._register(operation)
                case Finish():
                    self._finish(self.resolve(operation.run), operation)
                case Reopen():
                    self._reopen(self.resolve(operation.run))

    def resolve(self, run: str) -> str:
        """A run's id; a trial's run that waited to be created is named `<parent>/<trial>`."""
        parent, separator, trial_id = run.partition("/")
        if not separator:
            return run
        run_id = self.trials(parent).get(trial_id)
        if run_id is None:
            raise TrackingError(f"the MLflow store {self.uri} has no run of trial {trial_id}")
        return run_id

    def known(self, parent: str, trial_id: str) -> str | None:
        """The run of a trial, if it is known without asking the store."""
        return self._trials.get(parent, {}).get(trial_id)

    def trials(self, parent: str) -> dict[str, str]:
        """The run ids of a study's trials."""
        if parent not in self._trials:
            condition = f"tags.`{schema.PARENT}` = '{parent}'"
            with translated(self._uri):
                runs = {run.data.tags.get(schema.TRIAL_ID, ""): str(run.info.run_id) for run in self.search(condition)}
            self._trials[parent] = runs
        return self._trials[parent]

    def search(self, condition: str, *, deleted: bool = False) -> Iterator[Run]:
        """Runs of the experiments, oldest first; with `deleted` those that somebody deleted and did not purge."""
        from mlflow.entities import ViewType

        view, token = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY, None
        with translated(self._uri):
            experiments = self.experiments.ids()
        while True:
            with translated(self._uri):
                page = self._client.search_runs(
                    experiments, condition, view, 1000, ["start_time ASC"], page_token=token
                )
            yield from page
            token = page.token
            if not token:
                return

    def first(self, condition: str, order: str, most: int) -> list[Run]:
        """The first runs in an order of MLflow's, `metrics.name DESC` for one: `most` of them or fewer."""
        with translated(self._uri), quiet_import():
            experiments = self.experiments.ids()
            return list(self._client.search_runs(experiments, condition, max_results=most, order_by=[order]))

    def ensure(
        self,
        run_id: str | None,
        name: str,
        tags: dict[str, str],
        params: dict[str, str],
        time: int | None = None,
        *,
        experiment: str,
    ) -> str:
        """The run, created with these tags in that experiment if `run_id` is None; params are added as far as it lacks
        them."""
        from mlflow.entities import Param

        with translated(self._uri):
            if run_id is None:
                run = self._client.create_run(experiment, start_time=time, tags=tags, run_name=name)
                self._logged[run.info.run_id] = set()
            else:
                # It may have been killed between its creation and its params.
                run = self._client.get_run(run_id)
            missing = [Param(k, v) for k, v in params.items() if k not in run.data.params]
            for batch in values.batches(missing, values.PARAMS_PER_BATCH):
                self._client.log_batch(run.info.run_id, params=batch)
        return str(run.info.run_id)

    def _create_trial(self, operation: CreateTrial) -> None:
        known = self.trials(operation.parent)
        # An attempt that fails may have created the run all the same: then it is found by the next.
        del self._trials[operation.parent]
        known[operation.trial_id] = self.ensure(
            known.get(operation.trial_id),
            operation.name,
            operation.tags,
            operation.params,
            operation.time,
            experiment=self.experiments.of_run(operation.parent),
        )
        if operation.dataset is not None:
            log_dataset(self._client, known[operation.trial_id], operation.dataset)
        self._trials[operation.parent] = known

    def _log_metrics(self, operation: LogMetrics) -> None:
        from mlflow.entities import Metric

        run_id = self.resolve(operation.run)
        logged = self._steps(run_id)
        fresh: dict[tuple[str, int], Metric] = {}
        for name, value, step in operation.points:
            if (name, step) not in logged:
                fresh.setdefault((name, step), Metric(name, value, operation.time, step))
        del self._logged[run_id]
        for batch in values.batches(list(fresh.values()), values.METRICS_PER_BATCH):
            self._client.log_batch(run_id, metrics=batch)
        logged.update(fresh)
        self._logged[run_id] = logged

    def _set_tags(self, run_id: str, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        for batch in values.batches([RunTag(name, value) for name, value in tags.items()], values.PARAMS_PER_BATCH):
            self._client.log_batch(run_id, tags=batch)

    def _finish(self, run_id: str, operation: Finish) -> None:
        self._set_tags(run_id, operation.tags)
        self._client.set_terminated(run_id, operation.status, operation.time)
        self._logged.pop(run_id, None)

    def _reopen(self, run_id: str) -> None:
        self._client.update_run(run_id, status="RUNNING")
        if schema.ERROR in self._client.get_run(run_id).data.tags:
            self._client.delete_tag(run_id, schema.ERROR)
        self._set_tags(run_id, {schema.STATUS: TrialStatus.RUNNING.tag})

    def _log_artifacts(self, operation: LogArtifacts) -> None:
        _refuse_missing(operation)
        self._client.log_artifacts(self.resolve(operation.run), operation.folder, operation.path)

    def _register(self, operation: RegisterModel) -> None:
        _refuse_missing(operation)
        run_id = self.resolve(operation.run)
        version = register(self._client, self._uri, self.experiments.of_run(run_id), run_id, operation)
        self._set_tags(operation.parent, {schema.MODEL: f"{operation.name}/{version}"})

    def _drop(self, operation: DropArtifacts) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        run_id = self.resolve(operation.run)
        if not self._client.list_artifacts(run_id, operation.path):
            return
        uri = self._client.get_run(run_id).info.artifact_uri
        get_artifact_repository(uri, tracking_uri=self._uri).delete_artifacts(operation.path)

    def _steps(self, run_id: str) -> set[tuple[str, int]]:
        if run_id not in self._logged:
            keys = list(self._client.get_run(run_id).data.metrics)
            histories = [self._client.get_metric_history(run_id, key) for key in keys]
            self._logged[run_id] = {(point.key, point.step) for history in histories for point in history}
        return self._logged[run_id]


def _refuse_missing(operation: OfFolder) -> None:
    if not Path(operation.folder).is_dir():  # MLflow would log nothing, and not say so
        raise TrackingError(
            f"the folder {operation.folder}, to be logged to run {operation.run}, is not there any more"
        )
