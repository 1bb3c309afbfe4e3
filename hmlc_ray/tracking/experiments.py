"""The experiments of a store: one per data set or project, which MLflow opens as model training."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hmlc_ray.errors import TrackingError, first_line
from hmlc_ray.names.uris import is_server, public_uri
from hmlc_ray.study import schema
from hmlc_ray.study.schema import VIEW

if TYPE_CHECKING:
    from mlflow.entities import Experiment
    from mlflow.tracking import MlflowClient

_KIND = "custom_model_development"
"""MLflow's name of model training: without it an experiment opens in the view of traces and prompts."""
_MOST_COLUMNS = 40
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_FOLDER = 24


class Experiments:
    """The experiments that belong to a base one: those of studies and runs by their data set, and the base itself.

    Every method raises what MLflow raises.
    """

    def __init__(self, client: MlflowClient, base: str, uri: str) -> None:
        self._client, self._base, self._uri = client, base, uri
        self._of_runs: dict[str, str] = {}
        self._name: str | None = None

    def ids(self) -> list[str]:
        """The ids of all of them that are not deleted, the base's first."""
        if self._name is None:
            self._name = str(self._client.get_experiment(self._base).name)
        name, found, token = self._name.replace("'", "\\'"), [], None
        while True:
            page = self._client.search_experiments(
                filter_string=f"tags.`{schema.EXPERIMENT_OF}` = '{name}'", page_token=token
            )
            found += [str(experiment.experiment_id) for experiment in page]
            token = page.token
            if not token:
                return [self._base, *(each for each in found if each != self._base)]

    def named(self, name: str | None) -> str:
        """The id of the one of that name, made where there is none; None: the base.

        Raises:
            TrackingError: if it is deleted.
        """
        base = self._client.get_experiment(self._base)
        if name is None or name == base.name:
            return self._base
        location = None if is_server(self._uri) else location_of(name, base.name, str(base.artifact_location))
        return experiment_id(self._client, self._uri, name, location, {schema.EXPERIMENT_OF: base.name})

    def of_run(self, run_id: str) -> str:
        """The id of the one that a run is in."""
        if run_id not in self._of_runs:
            self._of_runs[run_id] = str(self._client.get_run(run_id).info.experiment_id)
        return self._of_runs[run_id]


def location_of(name: str, base: str, base_location: str) -> str:
    """Where an experiment keeps its artifacts: beside the base's folder where that has its name, else within the base's
    location, which may be a whole bucket that somebody chose."""
    root = base_location.rstrip("/")
    above = root.removesuffix(f"/{base}")
    return f"{root if above.endswith('/') else above}/{folder_of(name)}"  # a bucket may have the base's name


def folder_of(name: str) -> str:
    """The name of an experiment's folder of artifacts: a path by any name, and short, since MLflow's databases keep at
    most 200 characters of the path of a run's artifacts."""
    safe = _UNSAFE.sub("_", name)
    if safe == name and len(name) <= _LONGEST_FOLDER and name.strip("."):
        return name
    return f"{safe[:_LONGEST_FOLDER]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def experiment_id(
    client: MlflowClient, uri: str, name: str, location: str | None, tags: Mapping[str, str] | None = None
) -> str:
    """The id of the experiment of that name, made where there is none.

    Raises:
        TrackingError: if it is deleted, or there and cannot be made one of the base's.
        MlflowException: if it cannot be made.
    """
    from mlflow.exceptions import MlflowException

    every = {schema.EXPERIMENT_KIND: _KIND, **(tags or {})}
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifact_location=location, tags=every))
        except MlflowException:
            # Another driver may have been faster.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment {name!r} is deleted: restore it, with all its runs, by "
            f"`{_restore_experiment(uri, str(experiment.experiment_id))}`"
        )
    _complete(client, experiment, every)
    return str(experiment.experiment_id)


def _complete(client: MlflowClient, experiment: Experiment, tags: Mapping[str, str]) -> None:
    """Add what an experiment of an older version, or of somebody else, lacks; one that may not be written stays.

    Raises:
        TrackingError: if runs in it would not be found, since they are looked up by its tag.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in tags.keys() - experiment.tags.keys():
        try:
            client.set_experiment_tag(experiment.experiment_id, name, tags[name])
        except (MlflowException, SQLAlchemyError) as error:
            if name == schema.EXPERIMENT_OF:
                raise TrackingError(
                    f"the MLflow experiment {experiment.name!r} cannot be given the tag {name}, by which its runs are "
                    f"found ({first_line(error)}): get permission to edit it, or name another one by study.experiment"
                ) from error


def view_tag(columns: Sequence[str]) -> dict[str, str]:
    """The tag of an experiment whose table of runs is to show these columns: MLflow's own format of a shared view.

    Args:
        columns: as MLflow's searches name them, `metrics.loss` for example; what a tag cannot hold is left out.
    """
    chosen = [_column(name) for name in columns[:_MOST_COLUMNS]]
    while len(text := json.dumps({"selectedColumns": chosen})) > schema.MAX_EXPERIMENT_TAG:
        chosen.pop()
    return {schema.SHARED_VIEW_PREFIX + VIEW: text}


def _column(name: str) -> str:
    entity, _, key = name.partition(".")
    return f"{entity}.`{key}`"


def view_path(experiment: str, *, has_view: bool) -> str:
    """Where MLflow's interface shows the table of an experiment's runs, behind the address of its server.

    Its own choice between model training and its other views is a browser's last one, unless the URL has it.
    """
    view = f"&viewStateShareKey={VIEW}" if has_view else ""
    return f"/#/experiments/{experiment}/runs?workflowType=machine_learning{view}"


def restore_command(client: MlflowClient, uri: str, experiment: str, run_id: str) -> str:
    """The shell command that restores a deleted run, or the deleted experiment that it is in."""
    if client.get_experiment(experiment).lifecycle_stage != "active":
        return _restore_experiment(uri, experiment)
    return f"MLFLOW_TRACKING_URI={shlex.quote(public_uri(uri))} mlflow runs restore --run-id {run_id}"


def _restore_experiment(uri: str, experiment: str) -> str:
    where = f"MLFLOW_TRACKING_URI={shlex.quote(public_uri(uri))}"
    return f"{where} mlflow experiments restore --experiment-id {experiment}"
