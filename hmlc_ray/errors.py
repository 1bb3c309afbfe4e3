"""Every error this package raises on purpose.

HmlcError
├── UserError (also ValueError)      the input is wrong; the CLI prints one sentence and exits with 2
│   ├── ConfigError                  a YAML file, an override or a search space
│   ├── TaxonomyError                a tree that is uneven, cyclic, empty or does not match the labels
│   ├── DataError                    a data set that is missing, empty or unreadable
│   ├── CheckpointError              a checkpoint or export that is missing, truncated or of another model
│   ├── StudyError                   a study name that is taken, unknown or not finished
│   ├── ClusterError                 a Ray address that cannot be reached or cannot hold the trial
│   └── TrackingError                an MLflow store that cannot be reached or written
│       └── StoreAway                it does not answer now; a later attempt may work
├── JobError (also RuntimeError)      a job on a cluster failed, or its head was lost while it was followed
└── TrainingError (also RuntimeError) training itself went wrong; the trial fails, the sweep continues
    └── NonFiniteLoss                a NaN or infinite loss, raised before the update that it would poison
"""

from __future__ import annotations


class HmlcError(Exception):
    """Root of the tree: `except HmlcError` catches what this package raises on purpose and nothing else."""


class UserError(HmlcError, ValueError):
    """The user's input is wrong. The message is one sentence: what is wrong, where, what is allowed."""


class ConfigError(UserError):
    """A configuration file, an override or a search space is wrong."""


class TaxonomyError(UserError):
    """The label tree is uneven, empty, ambiguous or does not match the labels."""


class DataError(UserError):
    """The data set is missing, empty or unreadable."""


class CheckpointError(UserError):
    """A checkpoint or exported encoder is missing, truncated or belongs to another model."""


class StudyError(UserError):
    """The study's name is taken or unknown, or the study is not in the state the command needs."""


class ClusterError(UserError):
    """The Ray cluster cannot be reached or cannot hold a single trial."""


class TrackingError(UserError):
    """The MLflow store cannot be reached or written."""


class StoreAway(TrackingError):
    """The MLflow store does not answer now, or reports that it is unavailable; a later attempt may work."""


class JobError(HmlcError, RuntimeError):
    """A job on a cluster failed, or its head was lost while it was followed; the command's input was valid."""


class TrainingError(HmlcError, RuntimeError):
    """Training failed although its input was well formed."""


class NonFiniteLoss(TrainingError):
    """The loss became NaN or infinite; raised before the optimiser step."""


def first_line(error: BaseException) -> str:
    """What an error of another library says, in one line; the name of its type where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def error_sentence(error: BaseException) -> str:
    """An error's type and what it says, in one line."""
    first, name = first_line(error), type(error).__name__
    return name if first == name else f"{name}: {first}"


def last_line(error: BaseException) -> str:
    """The same of an error that begins with a traceback, as those do that torch hands on from other processes."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def system_reason(error: Exception) -> str:
    """Why the system refused, without the path that the sentence around it names; of other errors their first line."""
    return getattr(error, "strerror", None) or first_line(error)
