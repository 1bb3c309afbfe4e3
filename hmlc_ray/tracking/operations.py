"""What a Tracker writes, as plain data: an operation can wait on disk until the store takes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]


class _Operation(BaseModel):
    """An operation with its time in ms since the epoch, so that one that is sent late has the time it happened at."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    time: int = 0


class DatasetFacts(BaseModel):
    """The data of a run, as MLflow shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    digest: str
    source: str
    """Path, URI, or what the data are."""
    profile: dict[str, int | str]
    """Counts, by what is counted."""
    shape: tuple[int, ...]
    """Shape of one sample."""
    dtype: str


class CreateTrial(_Operation):
    """A trial's run below its study's run; where there is one already, its missing params."""

    kind: Literal["trial"] = "trial"
    parent: str
    trial_id: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    dataset: DatasetFacts | None = None


class LogDataset(_Operation):
    """The data of a run."""

    kind: Literal["dataset"] = "dataset"
    run: str
    dataset: DatasetFacts


class LogMetrics(_Operation):
    """Points of a run: (name, value, step)."""

    kind: Literal["metrics"] = "metrics"
    run: str
    points: tuple[tuple[str, float, int], ...]


class SetTags(_Operation):
    kind: Literal["tags"] = "tags"
    run: str
    tags: dict[str, str]


class OfFolder(_Operation):
    """An operation that sends a folder's contents."""

    run: str
    folder: str


class LogArtifacts(OfFolder):
    """A folder's contents, to be copied below `path` of the run."""

    kind: Literal["artifacts"] = "artifacts"
    path: str | None


class RegisterModel(OfFolder):
    """A folder with an MLflow model, to be the best version of a registered model; once for each digest.

    `run` trained it, and `parent` is the study's run, which is tagged with the version.
    """

    kind: Literal["model"] = "model"
    name: str
    digest: str
    parent: str
    tags: dict[str, str]
    description: str


class DropArtifacts(_Operation):
    """What a run has below `path` is deleted."""

    kind: Literal["drop"] = "drop"
    run: str
    path: str


class Finish(_Operation):
    kind: Literal["finish"] = "finish"
    run: str
    status: RunStatus
    tags: dict[str, str]


class Reopen(_Operation):
    """Back to RUNNING; an earlier error is forgotten."""

    kind: Literal["reopen"] = "reopen"
    run: str


Operation = (
    CreateTrial | LogDataset | LogMetrics | SetTags | LogArtifacts | DropArtifacts | RegisterModel | Finish | Reopen
)
_ANY: TypeAdapter[Operation] = TypeAdapter(Annotated[Operation, Field(discriminator="kind")])


def parse(line: str) -> Operation:
    """The operation of a line of JSON.

    Raises:
        ValueError: if it is not one.
    """
    return _ANY.validate_json(line)
