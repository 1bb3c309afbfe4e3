"""The vocabulary of studies: the tags of runs, and statuses with the names that other programs give them.

It imports nothing: every layer uses it, `tracking` below this package too. Ray, Optuna and MLflow are known by the
names of their statuses alone, which a test compares with their own enumerations.

The docstring of a tag reads `On RUNS, by MODULE: VALUES.`; `docs/runs.md` is made of them. Tags and values are in
stores of other versions: neither may change.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

# Tags of every run.
KIND = "hmlc.kind"
"""On every run, by `tracking/tracker.py`: `study`, `benchmark`, `trial` or `single`; see `RunKind`."""
STATUS = "hmlc.status"
"""On every run, by `tracking/`: `running`, `completed`, `pruned`, `failed` or `killed`; finer than MLflow's own
status."""
ERROR = "hmlc.error"
"""On failed runs, by whatever ended them: the error in one line; deleted when the run resumes."""
VERSION = "hmlc.version"
"""On every run, by `tracking/provenance.py`: the version of the package that created the run."""
GIT_COMMIT = "hmlc.git_commit"
"""On every run, by `tracking/provenance.py`: the working directory's commit, with `-dirty` where tracked files differ
from it."""
DRIVER = "hmlc.driver"
"""On every run, by `tracking/provenance.py` and `study/heartbeat.py`: host and process of the driver and, in a job,
the job's id, as JSON."""
SEED = "hmlc.seed"
"""On every run, by `runs/recording.py` and `sweep/driver.py`: the seed, of the trial or of the study."""
DATA_FINGERPRINT = "hmlc.data_fingerprint"
"""On every run, by `runs/recording.py` and `sweep/driver.py`: the hash of the data set's samples, labels and splits."""
PLUGINS = "hmlc.plugins"
"""On every run with kinds of plug-ins, by `runs/recording.py` and `sweep/driver.py`: the kinds, and the distributions
that they are of."""

# Tags of studies and single runs.
DATA_PLACE = "hmlc.data_place"
"""On studies and single runs, by `runs/recording.py`: where the training samples are kept on the machine that
recorded the run, which `data.cache: auto` decided."""
TAXONOMY_DIGEST = "hmlc.taxonomy_digest"
"""On studies and single runs, by `runs/recording.py`: SHA-256 of the label tree, as `Taxonomy.digest` has it."""
DATA_NOTES = "hmlc.data_notes"
"""On studies and single runs, by `runs/recording.py`: what was left out of the data, and which split lacks which
classes."""
CPU_THREADS = "hmlc.cpu_threads"
"""On single runs in this process, by `runs/single.py`: threads of the CPU kernels, which `training.cpu_threads`
decided."""

# Tags of studies.
STUDY = "hmlc.study"
"""On studies and benchmarks, by `tracking/tracker.py`: the name."""
NUM_TRIALS = "hmlc.num_trials"
"""On studies that got more trials, by `sweep/extend.py`: their number; MLflow cannot change the parameter
`study.num_trials`."""
SPACE_USED_UP = "hmlc.space_used_up"
"""On studies that have drawn every point of their space, by `sweep/tune/recorder.py`: how many trials that took."""
STANDING = "hmlc.standing"
"""On studies, by `study/progress.py`: counts of the trials, the best so far, and the driver that counted, as JSON."""
DRIVER_SEEN = "hmlc.driver_seen"
"""On studies, by `study/heartbeat.py`: when the driver last gave a sign of life, in Unix seconds."""
STALLED = "hmlc.stalled"
"""On studies, by `study/heartbeat.py` and `sweep/driver.py`: what a stalled study waits for, in a sentence; else
empty."""
BEST_TRIAL = "hmlc.best_trial"
"""On concluded studies, by `sweep/finish.py`: the number of the best trial."""
BEST_RUN = "hmlc.best_run"
"""On concluded studies, by `sweep/finish.py`: the run id of the best trial."""
ENCODER_RUN = "hmlc.encoder_run"
"""On concluded studies, by `sweep/finish.py`: the id of the run whose encoder is the result: the refit's, or the best
trial's."""
CHECKPOINT_BYTES_HELD = "hmlc.checkpoint_bytes_held"
"""On concluded studies, by `sweep/tune/retention.py`: bytes of the checkpoints that are kept."""
CHECKPOINT_BYTES_FREED = "hmlc.checkpoint_bytes_freed"
"""On concluded studies, by `sweep/tune/retention.py`: bytes of the checkpoints that were deleted."""

# Tags of trials.
TRIAL_ID = "hmlc.trial_id"
"""On trials, by `tracking/tracker.py`: the trial's number; on refits `refit`, or `refit~NUMBER` where another trial's
refit came first."""
SEARCHED = "hmlc.searched"
"""On trials, by `sweep/tune/recorder.py`: the searched parameters and their values, as JSON."""
VALUE = "hmlc.value"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the objective metric at the trial's end."""
EPOCHS = "hmlc.epochs"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the epochs that were trained."""
SECONDS = "hmlc.seconds"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the seconds that the trial took."""
RETRIES = "hmlc.retries"
"""On trials that were run again, by `sweep/tune/optuna_reopen.py`: how often."""
EARLIER_ERROR = "hmlc.earlier_error"
"""On trials that were run again, by `sweep/tune/optuna_reopen.py`: why they failed before."""
CHECKPOINT_ERROR = "hmlc.checkpoint_error"
"""On trials, by `sweep/tune/recorder.py`: why a checkpoint is missing."""
CHECKPOINT_BYTES = "hmlc.checkpoint_bytes"
"""On completed and pruned trials, by `sweep/tune/`: bytes of the checkpoint that the run holds; 0 when it was
deleted."""
CHECKPOINT_FOLDER = "hmlc.checkpoint_folder"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the folder of the trial's checkpoints while it
trained."""
WEIGHTS_PREFIX = "hmlc.weights_prefix"
"""On trials and single runs, by `runs/recording.py`: the prefix of the weights in the file `encoder.weights`, where
it has one."""
REFIT_OF = "hmlc.refit_of"
"""On refits, by `sweep/finish.py`: the run id of the trial whose configuration was trained again."""
SUPERSEDED_BY = "hmlc.superseded_by"
"""On refits of trials that are not the best any more, by `sweep/finish.py`: the run id of the refit that replaced
them."""

# Tags that MLflow itself reads.
PARENT = "mlflow.parentRunId"
"""On trials and studies with `study.parent_run`, by `tracking/tracker.py` and `sweep/driver.py`: the run id of their
study or benchmark; MLflow nests them below it."""
SOURCE_COMMIT = "mlflow.source.git.commit"
"""On every run, by `tracking/provenance.py`: the commit, which MLflow's interface shows."""

# Metadata of a study's job.
JOB_STUDY = "hmlc.study"
"""On jobs, by `sweep/jobs/submit.py`: the study's name; a job without it is not a study's."""
JOB_VERSION = "hmlc.version"
"""On jobs, by `sweep/jobs/submit.py`: the version of the package that submitted the job."""
JOB_HOME = "hmlc.home"
"""On jobs, by `sweep/jobs/submit.py`: the home folder as it was given; absent where the cluster's environment
decides."""
JOB_TRACKING_URI = "hmlc.tracking_uri"
"""On jobs, by `sweep/jobs/submit.py`: the MLflow store as it was given; absent where the cluster's environment
decides."""

# Artifacts.
CHECKPOINT, ENCODER, CONFUSION = "checkpoint", "encoder", "confusion"
"""Artifact folders of a run, and the names of their copies in the home folder."""
SWEEP_ARTIFACT = "sweep.yaml"
"""Artifact of a study's run: the sweep as it was started."""

REFIT = "refit"
"""What the trial ids of refits begin with."""
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
