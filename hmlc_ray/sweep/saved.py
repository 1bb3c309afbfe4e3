"""Studies as they were started, in the home folder. No Ray here: `hmlc best` must start fast."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home

SWEEP_FILE = "sweep.json"
LOCK_FILE = ".driver"


def is_saved(name: str, home: Home) -> bool:
    """Whether the home folder has a study of that name."""
    return (home.study(name) / SWEEP_FILE).exists()


@contextmanager
def driven(name: str, home: Home) -> Iterator[None]:
    """Holds the study for this driver; the system lets go of it when the process ends, however it ends.

    Raises:
        StudyError: if another driver holds it: two of them would hand out the same trials.
    """
    folder = home.study(name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StudyError(f"study {name!r} is running: another process drives it; nothing was changed") from error
        yield


def save_study(sweep: SweepConfig, home: Home) -> None:
    """Keep the sweep for `load_study`; the file appears whole or not at all."""
    folder = home.study(sweep.study.name)
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".{SWEEP_FILE}"
    staging.write_text(sweep.model_dump_json(indent=2), encoding="utf-8")
    staging.replace(folder / SWEEP_FILE)


def load_study(name: str, home: Home) -> SweepConfig:
    """The sweep as it was started.

    Raises:
        StudyError: if the home folder has no study of that name, or its file is damaged.
    """
    file = home.study(name) / SWEEP_FILE
    if not file.is_file():
        folder = home.root / "studies"
        known = sorted(path.parent.name for path in folder.glob(f"*/{SWEEP_FILE}"))
        raise StudyError(
            f"there is no study {name!r} in {home.root}; "
            + (f"it has {', '.join(known)}" if known else "it has none yet")
        )
    try:
        return SweepConfig.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(
            f"{file} cannot be read ({str(error).splitlines()[0]}): it is damaged or of another version"
        ) from error
