"""The tags and artifact folders that every run has."""

from __future__ import annotations

import subprocess
from functools import cache

from hmlc_ray import __version__
from hmlc_ray.tracking.drivers import DRIVER, identity

KIND = "hmlc.kind"
"""`study`, `trial` or `single`."""
STUDY = "hmlc.study"
"""The study's name, on its own run and on its trials."""
TRIAL_ID = "hmlc.trial_id"
STATUS = "hmlc.status"
"""`running`, `completed`, `pruned`, `failed` or `killed`: finer than MLflow's own status."""
ERROR = "hmlc.error"
SEED = "hmlc.seed"
FINGERPRINT = "hmlc.data_fingerprint"
DATA_PLACE = "hmlc.data_place"
"""Where the training samples are kept on the machine that recorded the run: what `data.cache: auto` came to."""
WEIGHTS_PREFIX = "hmlc.weights_prefix"
"""Where in the file `encoder.weights` the weights were found, if not under the network's own names."""
DATA_NOTES = "hmlc.data_notes"
"""What was left out of the data, and which split lacks which classes."""
CPU_THREADS = "hmlc.cpu_threads"
"""Threads of the CPU kernels of a run in this process: what `training.cpu_threads` came to."""
VERSION = "hmlc.version"
GIT_COMMIT = "hmlc.git_commit"
"""The working directory's commit, followed by `-dirty` where tracked files differ from it."""
PARENT = "mlflow.parentRunId"
"""MLflow's own: nests a trial's run below its study's."""

CHECKPOINT = "checkpoint"
ENCODER = "encoder"
CONFUSION = "confusion"
"""Artifact folders of a run, and the names of their copies in the home folder."""


def provenance() -> dict[str, str]:
    """Which code is running, and which process: the package's version and, in a git repository, the commit."""
    commit, own = _git_commit(), {VERSION: __version__, DRIVER: identity()}
    if commit is None:
        return own
    return own | {GIT_COMMIT: commit, "mlflow.source.git.commit": commit.removesuffix("-dirty")}


@cache
def _git_commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
