"""What a suite trains: tuning trials and cells, each known by a digest of all that decides its outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from hmlc_ray.config.moved import path_keys
from hmlc_ray.config.plugins import records_of
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.runs.digests import content_digest
from hmlc_ray.sweep.prepare import located_trial

REVISION = 1
"""Revision of training and evaluation: raised when the same configuration, data and seed give another outcome."""
_NOT_DECIDING = {*path_keys()["data"], "cache", "decode_workers", "download"}
"""Keys of `data` that say where something is, and not what it is: the data's fingerprint does."""
Phase = Literal["trial", "cell"]
Place = tuple[Phase, str, str, int]
"""Phase, data set, arm, and number or seed."""


@dataclass(frozen=True)
class Task:
    """One run of a suite: a tuning trial of an arm, judged on validation, or a cell, judged on test."""

    phase: Phase
    data: str
    arm: str
    number: int
    """Number of a tuning trial, from 0; for a cell the seed."""
    config: TrialConfig
    fingerprint: str
    """Fingerprint of the data."""
    searched: dict[str, Any]
    """What was drawn for it, by path; nothing where it is the arm as it is written."""

    @cached_property
    def identity(self) -> str:
        """SHA-256 over configuration, data and the revision of the code, as hexadecimal digits."""
        known: dict[str, Any] = {
            "phase": self.phase,
            "config": deciding(self.config),
            "data": self.fingerprint,
            "revision": REVISION,
        }
        if plugins := records_of(self.config):
            known["plugins"] = plugins
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    @property
    def place(self) -> Place:
        """Its position in the suite, whatever its configuration is."""
        return self.phase, self.data, self.arm, self.number

    def __str__(self) -> str:
        return describe(self.place)


def describe(place: Place) -> str:
    """`arm 'hmce' on digits, seed 3`."""
    phase, data, arm, number = place
    return f"arm {arm!r} on {data}, {'seed' if phase == 'cell' else 'tuning trial'} {number}"


def deciding(config: TrialConfig) -> dict[str, Any]:
    """The configuration without what cannot change an outcome, and without keys that are null: so a later version's
    new key, which is null unless it is used, leaves the results of this one as they are."""
    values: dict[str, Any] = config.model_dump(mode="json", exclude_none=True)
    values["data"] = {key: value for key, value in values["data"].items() if key not in _NOT_DECIDING}
    for section, keys in path_keys().items():
        if section != "data":
            values[section] = _with_contents(values[section], keys)
    if isinstance(tree := values["data"].get("taxonomy"), dict):
        values["data"]["taxonomy"] = {key: value for key, value in tree.items() if key not in ("file", "source")}
        if isinstance(made := tree.get("tree"), dict):  # its settings repeat these keys
            values["data"]["taxonomy"]["tree"] = {key: value for key, value in made.items() if key != "settings"}
    return values


def _with_contents(section: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """A section with the SHA-256 of files in place of their paths, as for `encoder.weights`, and without unset ones."""
    given = {key: section[key] for key in paths if section.get(key) is not None}
    return {key: value for key, value in section.items() if key not in paths} | {
        # Of a file that is not there any more only the path is known.
        key: content_digest(value) or value
        for key, value in given.items()
    }


def cell(suite: SuiteConfig, place: tuple[str, str, int], chosen: Task) -> Task:
    """The cell of (data, arm, seed): the arm's choice under another seed, a random partition's included."""
    data, arm, seed = place
    objective, update = chosen.config.objective, {"seed": seed}
    config = chosen.config.model_copy(update=update)
    if "mask_seed" in type(objective).model_fields and "mask_seed" not in suite.arms[arm].objective:
        config = config.model_copy(update={"objective": objective.model_copy(update={"mask_seed": seed})})
    return Task("cell", data, arm, seed, config, chosen.fingerprint, chosen.searched)


def as_point(config: TrialConfig) -> dict[str, Any]:
    """The configuration as a listed point of a study, whose base has its data; paths are absolute."""
    return {name: value for name, value in located_trial(config).model_dump(mode="json").items() if name != "data"}
