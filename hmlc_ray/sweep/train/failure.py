"""Why a trial failed, in a sentence."""

from __future__ import annotations

from pathlib import Path

from ray import cloudpickle
from ray.exceptions import RayActorError
from ray.tune.experiment import Trial as TuneTrial

from hmlc_ray.errors import error_sentence
from hmlc_ray.sweep.train.result import cause_of

_SECTION = "Failure # "
_DEATHS = {
    "low on memory": "OutOfMemory: the node ran low on memory, and Ray killed the trial's process; run fewer trials at "
    "once (trials.max_concurrent, or more trials.resources.cpus for each), or make them smaller",
    "node has died": "NodeDied: the node on which the trial trained failed, or was out of reach",
    "node died": "NodeDied: the node on which the trial trained failed, or was out of reach",
    "died": "WorkerDied: the trial's process exited without an error message; it crashed, or was killed, probably by "
    "the system's OOM killer",
}
"""Phrases in Ray's messages about a lost process, and what each means; the first that occurs counts."""


def reason_of(trial: TuneTrial) -> str:
    """The last failure of a trial. Tune has just written it into this machine's staging folder."""
    pickled, text = trial.pickled_error_file, trial.error_file
    if pickled and Path(pickled).is_file():
        error = cause_of(cloudpickle.loads(Path(pickled).read_bytes()))
        return death(str(error)) if isinstance(error, RayActorError) else error_sentence(error)
    if text and Path(text).is_file():
        return death(Path(text).read_text(encoding="utf-8"))
    return "unknown error"


def death(text: str) -> str:
    """The meaning of Ray's message about the end of a process; other messages unchanged, in one line."""
    last = text.rpartition(_SECTION)[2]
    for words, meaning in _DEATHS.items():
        if words in last.lower():
            return meaning
    lines = [line.strip() for line in last.splitlines()[1 if _SECTION in text else 0 :] if line.strip()]
    return lines[-1] if lines else "unknown error"
