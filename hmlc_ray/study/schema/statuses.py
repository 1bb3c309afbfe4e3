"""Statuses of runs, trials and studies, with the names that MLflow, Optuna, Tune and Ray Jobs give them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

MLFLOW_OPEN = ("RUNNING", "SCHEDULED")
"""MLflow's statuses of runs that have not ended."""
JOB_OPEN = ("PENDING", "RUNNING")
"""Ray's statuses of jobs that have not ended."""


class RunKind(StrEnum):
    """What a run records; the values of the tag `KIND`."""

    STUDY = "study"
    BENCHMARK = "benchmark"
    TRIAL = "trial"
    SINGLE = "single"


class TrialStatus(StrEnum):
    """The status of a trial, as commands and their JSON show it."""

    RUNNING = "running"
    """It has not ended; one that Tune or Optuna has only queued counts as running."""
    COMPLETED = "completed"
    """It trained all its epochs."""
    PRUNED = "pruned"
    """The scheduler stopped it."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its driver was stopped or killed; a resume continues it."""

    @classmethod
    def of_tag(cls, value: str | None) -> TrialStatus:
        """The status by the tag `STATUS`; RUNNING where a run has none, or one of another version."""
        return _OF_TAG.get(value or "", cls.RUNNING)

    @classmethod
    def of_mlflow(cls, name: str) -> TrialStatus:
        """The status by MLflow's `RunStatus`, which does not distinguish pruned trials from completed ones."""
        return _OF_MLFLOW[name]

    @classmethod
    def of_optuna(cls, name: str) -> TrialStatus:
        """The status by the name of Optuna's `TrialState`."""
        return _OF_OPTUNA[name]

    @classmethod
    def of_tune(cls, name: str, *, pruned: bool = False) -> TrialStatus:
        """The status by Tune's, where a pruned trial is TERMINATED too."""
        status = _OF_TUNE[name]
        return cls.PRUNED if status is cls.COMPLETED and pruned else status

    @property
    def tag(self) -> str:
        """The value of the tag `STATUS`."""
        return "killed" if self == TrialStatus.INTERRUPTED else self.value

    @property
    def mlflow(self) -> str:
        """The name of MLflow's `RunStatus`."""
        return _TO_MLFLOW[self]

    @property
    def optuna(self) -> str:
        """The name of Optuna's `TrialState`: a trial that was interrupted is a running one there."""
        return _TO_OPTUNA[self]

    @property
    def has_ended(self) -> bool:
        """Whether it is final: no resume continues it."""
        return self in (TrialStatus.COMPLETED, TrialStatus.PRUNED, TrialStatus.FAILED)


class StudyStatus(StrEnum):
    """The status of a study, as commands and their JSON show it."""

    WAITING = "waiting"
    """Its job has not started."""
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    """Its job was stopped."""
    DIED = "died"
    """Its run is open, and its driver is dead."""

    @classmethod
    def of_run(cls, mlflow: str, driver: Literal["alive", "dead", "unknown"]) -> StudyStatus:
        """The status by MLflow's `RunStatus` of the study's run and, while that is open, by its driver's life."""
        return _STUDY_OF_MLFLOW.get(mlflow) or (cls.DIED if driver == "dead" else cls.RUNNING)

    @classmethod
    def of_job(cls, name: str) -> StudyStatus:
        """The status by that of its job, in Ray's `JobStatus`."""
        return _STUDY_OF_JOB[name]


_OF_TAG = {status.tag: status for status in TrialStatus}
_OF_MLFLOW = {
    "RUNNING": TrialStatus.RUNNING,
    "SCHEDULED": TrialStatus.RUNNING,
    "FINISHED": TrialStatus.COMPLETED,
    "FAILED": TrialStatus.FAILED,
    "KILLED": TrialStatus.INTERRUPTED,
}
_TO_MLFLOW = {status: name for name, status in _OF_MLFLOW.items() if name != "SCHEDULED"} | {
    TrialStatus.PRUNED: "FINISHED"
}
_OF_OPTUNA = {
    "RUNNING": TrialStatus.RUNNING,
    "COMPLETE": TrialStatus.COMPLETED,
    "PRUNED": TrialStatus.PRUNED,
    "FAIL": TrialStatus.FAILED,
    "WAITING": TrialStatus.RUNNING,
}
_TO_OPTUNA = {status: name for name, status in _OF_OPTUNA.items() if name != "WAITING"} | {
    TrialStatus.INTERRUPTED: "RUNNING"
}
_OF_TUNE = {
    "PENDING": TrialStatus.RUNNING,
    "RUNNING": TrialStatus.RUNNING,
    "PAUSED": TrialStatus.RUNNING,
    "TERMINATED": TrialStatus.COMPLETED,
    "ERROR": TrialStatus.FAILED,
}
_STUDY_OF_MLFLOW = {
    "FINISHED": StudyStatus.COMPLETE,
    "FAILED": StudyStatus.FAILED,
    "KILLED": StudyStatus.INTERRUPTED,
}
_STUDY_OF_JOB = {
    "PENDING": StudyStatus.WAITING,
    "RUNNING": StudyStatus.RUNNING,
    "STOPPED": StudyStatus.STOPPED,
    "SUCCEEDED": StudyStatus.COMPLETE,
    "FAILED": StudyStatus.FAILED,
}
