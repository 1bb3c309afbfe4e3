"""One writer of MLflow runs: explicit run ids, no global state, nothing written twice."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmlc_ray.errors import StoreAway, TrackingError
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.names.uris import public_uri
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind, TrialStatus
from hmlc_ray.tracking import values
from hmlc_ray.tracking.artifacts import check_seen, check_writable
from hmlc_ray.tracking.operations import (
    CreateTrial,
    DropArtifacts,
    Finish,
    LogArtifacts,
    LogMetrics,
    Reopen,
    RunStatus,
    SetTags,
)
from hmlc_ray.tracking.outbox import Note, Outbox
from hmlc_ray.tracking.provenance import provenance
from hmlc_ray.tracking.spool import Spool
from hmlc_ray.tracking.store import EXPERIMENT, be_brief, open_store, quiet_import, restore_command, translated
from hmlc_ray.tracking.trial_run import TrialRun, trial_run_of
from hmlc_ray.tracking.uri import with_driver
from hmlc_ray.tracking.writer import StoreWriter

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


class Tracker:
    """Writes studies, trials and single runs to one experiment of an MLflow store.

    A store must have one Tracker per study that writes: what was logged before is remembered per run, so that an
    epoch that is reported again after a restore adds no second point.

    With a spool, writing to the runs of trials does not fail while the store is away: what it lacks is kept on disk
    in order, and sent when it answers again. Nor does it fail where the store refuses, for example because a
    run was deleted: that is set aside. Reading, and opening runs other than trials', needs the store.

    Every method raises TrackingError if the store cannot be reached or refuses.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, uri: str, spool: Spool | None = None, note: Note | None = None
    ) -> None:
        self._client = client
        self._uri = uri
        self._writer = StoreWriter(client, experiment_id, uri)
        self._outbox = Outbox(self._writer, spool, note or (lambda _: None))
        self.experiment_id = experiment_id

    @classmethod
    def connect(
        cls,
        uri: str,
        experiment: str = EXPERIMENT,
        *,
        artifact_root: Path | str | None = None,
        spool: Path | None = None,
        note: Note | None = None,
    ) -> Tracker:
        """Open a store; a database that is new gets its tables here, once, before any worker could try.

        Args:
            uri: `sqlite:///PATH`, `postgresql://...` or `http(s)://...` of an MLflow server.
            artifact_root: folder or URI for the artifacts of a store opened from here; default for sqlite: `artifacts`
                beside the database. A server decides for itself.
            spool: folder for what the store lacks while it is away; what an earlier process left there is sent by
                `send_pending`. Without one, writing fails when the store does.
            note: called with a sentence when the store goes away, and when it is back.

        Raises:
            TrackingError: within seconds, if the store cannot be reached or written.
        """
        uri = with_driver(uri)
        client, experiment_id = open_store(uri, experiment, artifact_root)
        if spool is None:
            return cls(client, experiment_id, uri)
        be_brief()
        return cls(client, experiment_id, uri, Spool(spool), note)

    @property
    def uri(self) -> str:
        """The URI without credentials, for printing."""
        return public_uri(self._uri)

    def check_artifacts(self, run_id: str | None = None) -> None:
        """Check that artifacts of the experiment, or of a run, can be kept, before anything is trained.

        Raises:
            TrackingError: with the remedy, if they cannot.
        """
        with translated(self._uri):
            if run_id is None:
                check_writable(self._client, self._uri, self.experiment_id)
            else:
                check_seen(self._client, self._uri, run_id)

    @property
    def refused(self) -> Path | None:
        """The file of what the store refused for good, where there is any."""
        return self._outbox.refused

    def send_again(self) -> None:
        """Send what the store refused before: the runs that it belongs to may have been restored since.

        Raises:
            StoreAway: if the store does not answer.
        """
        self._outbox.send_again()

    def show_tags(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Add or replace tags that have no value later: what the store does not take now is not kept.

        Raises:
            TrackingError: if it does not take them.
        """
        self._outbox.try_now(SetTags(run=run_id, tags=values.tags(tags), time=_now()))

    def send_pending(self, seconds: float = 0.0) -> None:
        """Send what the store lacks; wait that long for a store that is away.

        Raises:
            StoreAway: if it is still away; the message names the folder of what it lacks.
        """
        self._outbox.send_pending(seconds)

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
        """The run id of a study or of another run with runs below it; None if the store has none of that name."""
        runs = map(trial_run_of, self._writer.search(_of_kind(kind)))
        return next((run.run_id for run in runs if run.tags.get(schema.STUDY) == study), None)

    def deleted_study(self, study: str) -> str | None:
        """The run id of a study whose run was deleted, in MLflow's interface for instance, and can be restored."""
        runs = self._writer.search(f"{_of_kind(RunKind.STUDY)} and tags.`{schema.STUDY}` = '{study}'", deleted=True)
        return next((str(run.info.run_id) for run in runs), None)

    def deleted_children(self, parent: str) -> list[TrialRun]:
        """The trials of a study whose runs were deleted and can be restored."""
        return [trial_run_of(run) for run in self._writer.search(f"tags.`{schema.PARENT}` = '{parent}'", deleted=True)]

    def restore_command(self, run_id: str) -> str:
        """The shell command that restores a deleted run, or the deleted experiment that it is in."""
        return restore_command(self._client, self._uri, self.experiment_id, run_id)

    def is_active(self, run_id: str) -> bool:
        """Whether a run exists and was not deleted."""
        try:
            with translated(self._uri):
                return str(self._client.get_run(self._writer.resolve(run_id)).info.lifecycle_stage) == "active"
        except StoreAway:
            raise
        except TrackingError:
            return False

    def study_run(
        self,
        study: str,
        *,
        tags: Mapping[str, object],
        params: Mapping[str, object],
        kind: RunKind = RunKind.STUDY,
    ) -> str:
        """The run of a study, or of another kind that has runs below it: the one that exists, else a new one."""
        own = {schema.KIND: kind, schema.STUDY: study}
        return self._writer.ensure(self.find_study(study, kind), study, _new_tags(tags, own), values.params(params))

    def trial_run(
        self, parent: str, trial_id: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, object]
    ) -> str:
        """A trial's run below its study's run `parent`: the one that exists, else a new one.

        While the store is away the run waits to be created, and is called `<parent>/<trial_id>` by every method here.
        """
        own = {schema.KIND: RunKind.TRIAL, schema.TRIAL_ID: trial_id, schema.PARENT: parent}
        known, every = values.params(params), _new_tags(tags, own)
        self._outbox.put(
            CreateTrial(parent=parent, trial_id=trial_id, name=name, params=known, tags=every, time=_now())
        )
        return self._writer.known(parent, trial_id) or f"{parent}/{trial_id}"

    def single_run(self, name: str, *, params: Mapping[str, object], tags: Mapping[str, object]) -> str:
        """A new run that belongs to no study."""
        return self._writer.ensure(None, name, _new_tags(tags, {schema.KIND: RunKind.SINGLE}), values.params(params))

    def log(self, run_id: str, records: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Log metrics as (step, values). A (metric, step) that the run already has is left as it is.

        NaN means "not applicable here" and is left out.
        """
        points = tuple(
            (metric_key(name), float(value), step)
            for step, metrics in records
            for name, value in metrics.items()
            if not math.isnan(value)
        )
        self._outbox.put(LogMetrics(run=run_id, points=points, time=_now()))

    def set_tags(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Add or replace tags."""
        self._outbox.put(SetTags(run=run_id, tags=values.tags(tags), time=_now()))

    def log_artifacts(self, run_id: str, folder: Path, artifact_path: str | None = None) -> None:
        """Copy a folder's contents to the run, below `artifact_path`."""
        self._outbox.put(LogArtifacts(run=run_id, folder=str(folder), path=artifact_path, time=_now()))

    def drop_artifacts(self, run_id: str, artifact_path: str) -> None:
        """Delete what the run has below `artifact_path`."""
        self._outbox.put(DropArtifacts(run=run_id, path=artifact_path, time=_now()))

    def log_dict(self, run_id: str, content: Mapping[str, Any], file: str) -> None:
        """Write a mapping as the artifact `file`, `*.json` or `*.yaml`. Needs the store."""
        with translated(self._uri):
            self._client.log_dict(run_id, dict(content), file)

    def download(self, run_id: str, artifact_path: str, folder: Path) -> Path:
        """Copy an artifact, file or folder, into `folder`, and return its path there."""
        with translated(self._uri), quiet_import():
            return Path(self._client.download_artifacts(self._writer.resolve(run_id), artifact_path, str(folder)))

    def finish(self, run_id: str, status: RunStatus, tags: Mapping[str, object] | None = None) -> None:
        """End a run. `tags` may say more than the status does: `{STATUS: "pruned"}`, `{ERROR: "..."}`."""
        every = values.tags({schema.STATUS: TrialStatus.of_mlflow(status).tag, **(tags or {})})
        self._outbox.put(Finish(run=run_id, status=status, tags=every, time=_now()))

    def reopen(self, run_id: str) -> None:
        """Set a run to RUNNING again, as a resume does; an earlier error is forgotten."""
        self._outbox.put(Reopen(run=run_id, time=_now()))

    def known(self, run_id: str) -> str:
        """The id of a run that `trial_run` named before it was created; the same name while it waits."""
        parent, separator, trial_id = run_id.partition("/")
        return (self._writer.known(parent, trial_id) if separator else None) or run_id

    def run(self, run_id: str) -> TrialRun:
        """One run in its present state."""
        with translated(self._uri):
            return trial_run_of(self._client.get_run(self._writer.resolve(run_id)))

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


def _new_tags(given: Mapping[str, object], own: Mapping[str, object]) -> dict[str, str]:
    return values.tags({schema.STATUS: TrialStatus.RUNNING.tag, **provenance(), **given, **own})


def _now() -> int:
    return int(time.time() * 1000)
