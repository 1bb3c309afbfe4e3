"""One writer of MLflow runs: explicit run ids, no global state, nothing written twice."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmlc_ray.names.metrics import metric_key
from hmlc_ray.names.uris import public_uri
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind, TrialStatus
from hmlc_ray.tracking import values
from hmlc_ray.tracking.artifacts import check_seen, check_writable
from hmlc_ray.tracking.experiments import view_tag
from hmlc_ray.tracking.operations import (
    CreateTrial,
    DatasetFacts,
    DropArtifacts,
    Finish,
    LogArtifacts,
    LogDataset,
    LogMetrics,
    RegisterModel,
    Reopen,
    RunStatus,
    SetTags,
)
from hmlc_ray.tracking.outbox import Note, Outbox
from hmlc_ray.tracking.provenance import provenance
from hmlc_ray.tracking.reader import RunReader
from hmlc_ray.tracking.spool import Spool
from hmlc_ray.tracking.store import EXPERIMENT, be_brief, open_store, quiet_import, translated
from hmlc_ray.tracking.system_metrics import monitored
from hmlc_ray.tracking.uri import with_driver
from hmlc_ray.tracking.writer import StoreWriter

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


class Tracker(RunReader):
    """Writes studies, trials and single runs to an MLflow store: to its base experiment, or to others of it.

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
        super().__init__(client, StoreWriter(client, experiment_id, uri), uri)
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
                experiment = self._writer.experiments.of_run(run_id)
                if experiment != self.experiment_id:  # an older one may keep its artifacts elsewhere
                    check_writable(self._client, self._uri, experiment)
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

    def study_run(
        self,
        study: str,
        *,
        tags: Mapping[str, object],
        params: Mapping[str, object],
        kind: RunKind = RunKind.STUDY,
        experiment: str | None = None,
    ) -> str:
        """The run of a study, or of another kind that has runs below it: the one that exists, else a new one.

        Args:
            experiment: name of the experiment of a new run, unless `tags` name a parent: MLflow nests runs of one
                experiment alone. None: the base.
        """
        own = {schema.KIND: kind, schema.STUDY: study}
        known, parent = self.find_study(study, kind), tags.get(schema.PARENT)
        where = self._experiment(experiment, None if parent is None else str(parent), known)
        return self._writer.ensure(known, study, _new_tags(tags, own), values.params(params), experiment=where)

    def trial_run(
        self,
        parent: str,
        trial_id: str,
        *,
        name: str,
        params: Mapping[str, object],
        tags: Mapping[str, object],
        dataset: DatasetFacts | None = None,
    ) -> str:
        """A trial's run below its study's run `parent`: the one that exists, else a new one.

        While the store is away the run waits to be created, and is called `<parent>/<trial_id>` by every method here.
        """
        own = {schema.KIND: RunKind.TRIAL, schema.TRIAL_ID: trial_id, schema.PARENT: parent}
        known, every = values.params(params), _new_tags(tags, own)
        self._outbox.put(
            CreateTrial(
                parent=parent, trial_id=trial_id, name=name, params=known, tags=every, dataset=dataset, time=_now()
            )
        )
        return self._writer.known(parent, trial_id) or f"{parent}/{trial_id}"

    def single_run(
        self, name: str, *, params: Mapping[str, object], tags: Mapping[str, object], experiment: str | None = None
    ) -> str:
        """A new run that belongs to no study, in the experiment of that name; None: the base."""
        every, where = _new_tags(tags, {schema.KIND: RunKind.SINGLE}), self._experiment(experiment)
        return self._writer.ensure(None, name, every, values.params(params), experiment=where)

    def _experiment(self, name: str | None, parent: str | None = None, known: str | None = None) -> str:
        """The id of the experiment of a new run; that of `known`, a run that exists, stays."""
        with translated(self._uri):
            if (run := known or parent) is not None:
                return self._writer.experiments.of_run(run)
            return self._writer.experiments.named(name)

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

    def log_dataset(self, run_id: str, dataset: DatasetFacts) -> None:
        """Record the data of a run; twice is once."""
        self._outbox.put(LogDataset(run=run_id, dataset=dataset, time=_now()))

    def register_model(
        self, run_id: str, folder: Path, *, name: str, parent: str, digest: str, tags: Mapping[str, object], text: str
    ) -> str:
        """Make a folder with an MLflow model, see `write_model`, the version `best` of a registered model.

        It decides nothing, so it is not kept where the store, or its registry, does not take it now: what is recorded
        after it must not wait for it.

        Args:
            run_id: of the run that trained it; `parent` is its study's.
            digest: of the network: a version that there is already is not made again.
            text: the version's description, in Markdown.

        Returns:
            `NAME/VERSION`.
        """
        known = values.tags(tags)
        self._outbox.try_now(
            RegisterModel(
                run=run_id, folder=str(folder), name=name, parent=parent, digest=digest, tags=known, description=text
            )
        )
        return self.run(parent).tags[schema.MODEL]

    def show_columns(self, run_id: str, columns: Sequence[str]) -> None:
        """Choose the columns of the table of runs that `hmlc ui` opens, for the experiment of a run. Needs the store.

        Args:
            columns: such as `metrics.loss`, `params.seed` and `tags.hmlc.status`.
        """
        with translated(self._uri):
            experiment = self._writer.experiments.of_run(run_id)
            for name, value in view_tag([*columns]).items():
                self._client.set_experiment_tag(experiment, name, value)

    def system_metrics(self, run_id: str) -> AbstractContextManager[None]:
        """Log the load of this machine to a run for the time of a block, where MLflow's own variable asks for it."""
        return monitored(self._uri, run_id)

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


def _new_tags(given: Mapping[str, object], own: Mapping[str, object]) -> dict[str, str]:
    return values.tags({schema.STATUS: TrialStatus.RUNNING.tag, **provenance(), **given, **own})


def _now() -> int:
    return int(time.time() * 1000)
