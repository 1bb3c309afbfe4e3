"""Where somebody's data are, and where their search space will be. Loads no torch: a wrong name is refused at once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import Overrides, parse_overrides
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError, DataError
from hmlc_ray.machine.user import expanded
from hmlc_ray.names.studies import MAX_LENGTH
from hmlc_ray.runs.starting.recognise import Kind, recognise


@dataclass(frozen=True)
class Location:
    """Data, and the file that their search space is written to."""

    source: Path
    """The absolute path of the data, which the file will hold."""
    file: Path
    study: str
    """A name for the study."""
    data: dict[str, Any]
    """The section `data`: the kind of the data, where they are, and what was given by overrides."""


def locate(given: Path, out: Path | None, kind: Kind | None, overrides: Overrides = ()) -> Location:
    """Where the data are, and the file that is to be written.

    Args:
        out: the file; None: the folder's name, with `.yaml`, in the current folder.
        kind: the kind of the data, where it is known.
        overrides: keys of `data`.

    Raises:
        DataError: if there is no such folder or file, or it does not hold one kind of data that is known.
        ConfigError: if the file exists, or its folder does not, or an override is wrong.
    """
    source = _named(given)
    study = study_name(source)
    file = out or Path(f"{study}.yaml")
    if file.exists():
        raise ConfigError(f"{file} exists already and is not overwritten: choose another --out")
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"{file} cannot be written: there is no folder {str(file.parent)!r}")
    pairs = parse_overrides(overrides)
    for path, _ in pairs:
        if not path.startswith("data."):
            raise ConfigError(f"-o {path}: only keys of data can be given here; the others are in the file to change")
    section = apply_overrides(TrialConfig, {"data": recognise(source, kind)}, pairs)["data"]
    return Location(source, file, study, section)


def _named(given: Path) -> Path:
    """The absolute path.

    Raises:
        DataError: if no text file can hold it.
    """
    path = Path(os.path.normpath(expanded(given).absolute()))
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"the name of {str(path)!a} is not UTF-8, so no file can hold it: rename it") from None
    return path


def study_name(source: Path) -> str:
    """A name that a study may have, made of the folder's."""
    plain = re.sub(r"[^a-z0-9]+", "-", source.stem.lower() if source.is_file() else source.name.lower())
    return plain.strip("-")[: MAX_LENGTH - 20] or "study"
