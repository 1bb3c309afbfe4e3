"""A study's folder in the home: the sweep as it was started, and the lock that its driver holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hmlc_ray.config.moved import followed_sweep
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError, first_line, system_reason
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.home import Home
from hmlc_ray.names.nearest import nearest

SWEEP_FILE = "sweep.json"
LOCK_FILE = ".driver"


def unknown_study(name: str, where: str, known: Iterable[str], remedy: str = "") -> StudyError:
    """The error for a name that no study has, with the nearest name that one has."""
    known = list(known)
    names = f"it has {', '.join(known)}" if known else "it has none yet"
    return StudyError(f"there is no study {name!r} in {where}{nearest(name, known)}; {names}{remedy}")


def is_saved(name: str, home: Home) -> bool:
    """Whether the home folder has a study of that name."""
    return (home.study(name) / SWEEP_FILE).exists()


@contextmanager
def driven(name: str, home: Home) -> Iterator[None]:
    """Lock the study for this driver; the system releases the lock when the process ends, however it ends.

    Raises:
        StudyError: if another driver holds it: both would hand out the same trials; or if it cannot be held,
            because the home folder is another user's, for example.
    """
    folder = home.study(name)
    # A lock that is a file's existence, which it would fall back to, would outlive a driver that is killed.
    lock = FileLock(folder / LOCK_FILE, timeout=0, fallback_to_soft=False)
    try:
        _acquire(lock, folder)
    except Timeout as error:
        raise StudyError(f"study {name!r} is running: another process drives it; nothing was changed") from error
    except OSError as error:
        raise StudyError(
            f"study {name!r} cannot be changed from here: {error.filename or lock.lock_file} cannot be written "
            f"({system_reason(error)}); get permission to write to {home.root}, or copy it and use the copy"
        ) from error
    try:
        yield
    finally:
        _forget_if_nothing_was_saved(folder)
        lock.release()


def _acquire(lock: FileLock, folder: Path) -> None:
    """Create the lock's file with its folder; another command that was refused may be removing both."""
    for _ in range(100):
        with suppress(FileNotFoundError, FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            return
    folder.mkdir(parents=True, exist_ok=True)
    lock.acquire()


def _forget_if_nothing_was_saved(folder: Path) -> None:
    """Remove the folder of a sweep that is refused; called by the holder of its lock."""
    if [entry.name for entry in folder.iterdir()] == [LOCK_FILE]:
        (folder / LOCK_FILE).unlink()
        with suppress(OSError):  # not empty: others have studies there
            folder.rmdir()
            folder.parent.rmdir()


def save_study(sweep: SweepConfig, home: Home) -> None:
    """Keep the sweep for `load_study`; the file appears whole or not at all."""
    folder = home.study(sweep.study.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / SWEEP_FILE, sweep.model_dump_json(indent=2))


def load_study(name: str, home: Home) -> SweepConfig:
    """The sweep as it was started.

    Raises:
        StudyError: if the home folder has no study of that name, or its file is damaged.
    """
    file = home.study(name) / SWEEP_FILE
    if not file.is_file():
        folder = home.root / "studies"
        known = sorted(path.parent.name for path in folder.glob(f"*/{SWEEP_FILE}"))
        raise unknown_study(name, str(home.root), known)
    try:
        sweep = SweepConfig.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(f"{file} cannot be read ({first_line(error)}): it is damaged or of another version") from error
    return followed_sweep(sweep, home)
