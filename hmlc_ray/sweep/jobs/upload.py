"""What travels with a job: the search space and the small files it names; never data, never a secret."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.load import load_yaml
from hmlc_ray.config.moved import path_keys
from hmlc_ray.config.profiles import overlay
from hmlc_ray.config.sweep import SweepConfig, check_sweep
from hmlc_ray.config.taxonomy import CONFUSION_FILES, FEATURE_FILES
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError, DataError
from hmlc_ray.names.uris import has_password
from hmlc_ray.sweep.prepare import base_data

SPACE_FILE = "space.yaml"
"""The search space's name in the job's working directory."""
MOST_BYTES = 1 << 20
"""Largest size of one file, in bytes: a taxonomy is smaller, and what is larger is data."""


@dataclass(frozen=True)
class SpaceFile:
    """A search space as a command line names it, which a job is to read."""

    path: Path
    overrides: tuple[str, ...] = ()
    """`PATH=VALUE`, as for `hmlc sweep -o`."""
    profile: str | None = None

    @property
    def words(self) -> list[str]:
        """The same overrides on the job's own command line."""
        profile = [] if self.profile is None else ["--profile", self.profile]
        return [SPACE_FILE, *profile, *(word for text in self.overrides for word in ("-o", text))]

    def read(self) -> tuple[SweepConfig, str | None]:
        """The sweep that a job will run, checked as far as this machine can.

        Returns:
            The sweep, and what could not be checked because the data is elsewhere.

        Raises:
            ConfigError: see `load_sweep`; also if a text holds a password.
        """
        source = str(self.path)
        values = overlay(SweepConfig, load_yaml(self.path), source, self.overrides, self.profile)
        refuse_secrets(self.path.read_text(encoding="utf-8-sig"), source)
        for text in self.overrides:
            refuse_secrets(text, f"-o {text.partition('=')[0]}")
        sweep = validate(SweepConfig, values, source)
        try:
            check_sweep(sweep, source)
        except DataError as error:
            return sweep, str(error)
        return sweep, None

    def pack(self, sweep: SweepConfig, folder: Path) -> None:
        """Fill a job's working directory: the search space, and each file that it names by relative path.

        Args:
            sweep: what `read` gave.

        Raises:
            ConfigError: if the data, or what a tree is induced from, is named by a path of this machine, or a file is
                too large or lies above the current folder.
        """
        _refuse_local_data(base_data(sweep), str(self.path))
        shutil.copyfile(self.path, folder / SPACE_FILE)
        for path, text in _texts(sweep.model_dump(mode="json"), ""):
            if path not in ("base.data.root", "study.name"):
                _refuse_local_source(path, text, str(self.path))
                _take(path, text, str(self.path), folder)


def _refuse_local_data(data: DataConfig, source: str) -> None:
    for key in path_keys()["data"] if isinstance(data, FeaturesConfig) else ("root",):
        given = getattr(data, key, None)
        if given is not None and not Path(given).is_absolute() and not given.startswith("~"):
            raise ConfigError(
                f"{source}: data.{key} is {given!r}, relative to a folder of this machine; data is not uploaded, so "
                f"give the absolute path at which every node of the cluster has it, e.g. -o data.{key}=/mnt/data"
            )


def _refuse_local_source(path: str, text: str, source: str) -> None:
    """Refuse a folder, or a file of one, that trees are induced from; files of features or confusions are sent."""
    keys = path.split(".")
    if "taxonomy" not in keys or "source" not in keys or not _may_be_path(text):
        return
    given = Path(text)
    sent = given.suffix.lower() in (*FEATURE_FILES, *CONFUSION_FILES) and not given.is_dir()
    if not given.is_absolute() and not sent and given.exists():
        what = "folder" if given.is_dir() else "file"
        raise ConfigError(
            f"{source}: {path} is {text!r}, a {what} of this machine, which is not uploaded; give the id of a run, or "
            "the absolute path at which every node of the cluster has it"
        )


def refuse_secrets(text: str, source: str) -> None:
    """Refuse a URI with a password in it: everyone who reaches the head can read a job's files and entrypoint.

    Raises:
        ConfigError: naming the source, not the password.
    """
    if has_password(text):
        raise ConfigError(
            f"{source} holds a URI with a password, which a job would show to everyone who reaches the head; "
            "give the URI without it, and the password in the environment of the cluster "
            "(MLFLOW_TRACKING_PASSWORD, PGPASSWORD, ...)"
        )


def _texts(values: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(values, dict):
        for name, inner in values.items():
            yield from _texts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(values, list):
        for inner in values:
            yield from _texts(inner, path)
    elif isinstance(values, str):
        yield path, values


def _may_be_path(text: str) -> bool:
    return "\0" not in text and "://" not in text and len(text) <= 1000


def _take(path: str, text: str, source: str, folder: Path) -> None:
    """Copy the file that a value names, if it names one."""
    if not _may_be_path(text):
        return
    file = Path(text)
    if file.is_absolute() or not file.suffix or not file.is_file():
        return
    if ".." in file.parts:
        raise ConfigError(f"{source}: {path} is {text!r}, which lies above the current folder; run the command there")
    if file.stat().st_size > MOST_BYTES:
        raise ConfigError(
            f"{source}: {path} is {text!r}, a file of more than {MOST_BYTES >> 20} MiB, which is not uploaded; give an "
            "absolute path that every node of the cluster has"
        )
    target = folder / file
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
