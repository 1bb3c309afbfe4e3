"""One writer of MLflow runs: explicit run ids, no global state, nothing written twice."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hmlc_ray.tracking import tags as tag
from hmlc_ray.tracking import values
from hmlc_ray.tracking.store import open_store, quiet_import, translated
from hmlc_ray.tracking.uri import public_uri, with_driver

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]
_OUTCOME = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "killed"}
_OPEN = ("RUNNING", "SCHEDULED")


@dataclass(frozen=True)
class TrialRun:
    """A run as the store has it."""

    run_id: str
    trial_id: str
    """Empty for runs that are no trial."""
    status: str
    """MLflow's: RUNNING, FINISHED, FAILED or KILLED. `tags[tags.STATUS]` tells completed from pruned."""
    params: dict[str, str]
    metrics: dict[str, float]
    """The last value of each."""
    tags: dict[str, str]


class Tracker:
    """Writes studies, trials and single runs to one experiment of an MLflow store.

    A store must have one Tracker per study that writes: what was logged before is remembered per run, so that an
    epoch that is reported again after a restore adds no second point.

    Every method raises TrackingError if the store cannot be reached or refuses.
    """

    def __init__(self, client: MlflowClient, experiment_id: str, uri: str) -> None:
        self._client = client
        self._uri = uri
        self.experiment_id = experiment_id
        self._trials: dict[str, dict[str, str]] = {}
        self._logged: dict[str, set[tuple[str, int]]] = {}

    @classmethod
    def connect(cls, uri: str, experiment: str = "hmlc", *, artifact_root: Path | str | None = None) -> Tracker:
        """Open a store; a database that is new gets its tables here, once, before any worker could try.

        Args:
            uri: `sqlite:///PATH`, `postgresql://...` or `http(s)://...` of an MLflow server.
            artifact_root: folder or URI for the artifacts of a store opened from here; default for sqlite: `artifacts`
                beside the database. A server decides for itself.

        Raises:
            TrackingError: within seconds, if the store cannot be reached or written.
        """
        uri = with_driver(uri)
        client, experiment_id = open_store(uri, experiment, artifact_root)
        return cls(client, experiment_id, uri)

    @property
    def uri(self) -> str:
        """Without credentials: fit to be printed."""
        return public_uri(self._uri)

    def studies(self) -> list[TrialRun]:
        """Every study of the experiment, oldest first; `tags[tags.STUDY]` is its name."""
        return [_trial_run(run) for run in self._search(f"tags.`{tag.KIND}` = 'study'")]

    def find_study(self, study: str) -> str | None:
        """The run id of a study, or None if the store has none of that name."""
        return next((run.run_id for run in self.studies() if run.tags.get(tag.STUDY) == study), None)

    def study_run(self, study: str, *, tags: Mapping[str, object], params: Mapping[str, object]) -> str:
        """The study's run: the one that exists, else a new one."""
        own = {tag.KIND: "study", tag.STUDY: study}
        return self._ensure(self.find_study(study), study, {**tags, **own}, params)

    def trial_run(
        self, parent: str, trial_id: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, object]
    ) -> str:
        """A trial's run below its study's run `parent`: the one that exists, else a new one."""
        if parent not in self._trials:
            self._trials[parent] = {trial.trial_id: trial.run_id for trial in self.children(parent)}
        known = self._trials[parent]
        own = {tag.KIND: "trial", tag.TRIAL_ID: trial_id, tag.PARENT: parent}
        known[trial_id] = self._ensure(known.get(trial_id), name, {**tags, **own}, params)
        return known[trial_id]

    def single_run(self, name: str, *, params: Mapping[str, object], tags: Mapping[str, object]) -> str:
        """A new run that belongs to no study."""
        return self._ensure(None, name, {**tags, tag.KIND: "single"}, params)

    def log(self, run_id: str, records: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Log metrics as (step, values). A (metric, step) that the run already has is left as it is.

        NaN stands for "not applicable here" and is left out.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        fresh: dict[tuple[str, int], Metric] = {}
        with translated(self._uri):
            logged = self._steps(run_id)
            for step, metrics in records:
                for name, value in metrics.items():
                    point = values.key(name), step
                    if not math.isnan(value) and point not in logged:
                        fresh.setdefault(point, Metric(point[0], float(value), now, step))
            for batch in values.batches(list(fresh.values()), values.METRICS_PER_BATCH):
                self._client.log_batch(run_id, metrics=batch)
                logged.update((metric.key, metric.step) for metric in batch)

    def set_tags(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Add or replace tags."""
        from mlflow.entities import RunTag

        entries = [RunTag(name, value) for name, value in values.tags(tags).items()]
        with translated(self._uri):
            for batch in values.batches(entries, values.PARAMS_PER_BATCH):
                self._client.log_batch(run_id, tags=batch)

    def log_artifacts(self, run_id: str, folder: Path, artifact_path: str | None = None) -> None:
        """Copy a folder's contents to the run, below `artifact_path`."""
        with translated(self._uri):
            self._client.log_artifacts(run_id, str(folder), artifact_path)

    def log_dict(self, run_id: str, content: Mapping[str, Any], file: str) -> None:
        """Write a mapping as the artifact `file`, `*.json` or `*.yaml`."""
        with translated(self._uri):
            self._client.log_dict(run_id, dict(content), file)

    def download(self, run_id: str, artifact_path: str, folder: Path) -> Path:
        """Copy an artifact, file or folder, into `folder`, and tell where it lies now."""
        with translated(self._uri), quiet_import():
            return Path(self._client.download_artifacts(run_id, artifact_path, str(folder)))

    def finish(self, run_id: str, status: RunStatus, tags: Mapping[str, object] | None = None) -> None:
        """End a run. `tags` may say more than the status does: `{STATUS: "pruned"}`, `{ERROR: "..."}`."""
        self.set_tags(run_id, {tag.STATUS: _OUTCOME[status], **(tags or {})})
        with translated(self._uri):
            self._client.set_terminated(run_id, status)

    def reopen(self, run_id: str) -> None:
        """Set a run to RUNNING again, as a resume does; an earlier error is forgotten."""
        with translated(self._uri):
            self._client.update_run(run_id, status="RUNNING")
            if tag.ERROR in self._client.get_run(run_id).data.tags:
                self._client.delete_tag(run_id, tag.ERROR)
        self.set_tags(run_id, {tag.STATUS: "running"})

    def run(self, run_id: str) -> TrialRun:
        """One run as it stands."""
        with translated(self._uri):
            return _trial_run(self._client.get_run(run_id))

    def total(self, run_id: str, metric: str) -> float:
        """The sum of a metric over all its steps."""
        with translated(self._uri):
            return float(sum(point.value for point in self._client.get_metric_history(run_id, metric)))

    def children(self, parent: str) -> list[TrialRun]:
        """The trials of a study, oldest first."""
        return [_trial_run(run) for run in self._search(f"tags.`{tag.PARENT}` = '{parent}'")]

    def unfinished(self, parent: str) -> list[TrialRun]:
        """The trials of a study that the store takes for running."""
        return [trial for trial in self.children(parent) if trial.status in _OPEN]

    def _search(self, condition: str) -> Iterator[Run]:
        token = None
        while True:
            with translated(self._uri):
                page = self._client.search_runs(
                    [self.experiment_id], condition, max_results=1000, order_by=["start_time ASC"], page_token=token
                )
            yield from page
            token = page.token
            if not token:
                return

    def _ensure(self, run_id: str | None, name: str, tags: Mapping[str, object], params: Mapping[str, object]) -> str:
        """The run, created with these tags if `run_id` is None; params are added as far as it lacks them."""
        from mlflow.entities import Param

        tags = {tag.STATUS: "running", **tag.provenance(), **tags}
        with translated(self._uri):
            if run_id is None:
                run = self._client.create_run(self.experiment_id, tags=values.tags(tags), run_name=name)
                self._logged[run.info.run_id] = set()
            else:
                # It may have been killed between its creation and its params.
                run = self._client.get_run(run_id)
            missing = [Param(k, v) for k, v in values.params(params).items() if k not in run.data.params]
            for batch in values.batches(missing, values.PARAMS_PER_BATCH):
                self._client.log_batch(run.info.run_id, params=batch)
        return str(run.info.run_id)

    def _steps(self, run_id: str) -> set[tuple[str, int]]:
        """The (metric, step) pairs that the run has; read from the store for runs this Tracker did not create."""
        if run_id not in self._logged:
            keys = list(self._client.get_run(run_id).data.metrics)
            histories = [self._client.get_metric_history(run_id, key) for key in keys]
            self._logged[run_id] = {(point.key, point.step) for history in histories for point in history}
        return self._logged[run_id]


def _trial_run(run: Run) -> TrialRun:
    data = run.data
    trial_id = data.tags.get(tag.TRIAL_ID, "")
    return TrialRun(
        str(run.info.run_id), trial_id, run.info.status, dict(data.params), dict(data.metrics), dict(data.tags)
    )
