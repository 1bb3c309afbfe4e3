"""A resume that has begun and does not drive its study yet: it loads torch and Ray, reads the data, starts Ray.

Until then the store shows how the study ended before. Readers on the same machine learn of the resume here, from a file
that is there before anything is loaded, so that `hmlc watch` of that moment does not take the old end for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hmlc_ray.errors import StudyError
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.home import Home
from hmlc_ray.names.studies import check_study_name
from hmlc_ray.study import schema
from hmlc_ray.tracking.drivers import identity, life, where

FOLDER = "resuming"
"""In the home folder: a file for each study or benchmark that is being resumed, with the process that does so."""

_UNREADABLE = (OSError, UnicodeDecodeError, StudyError)
"""A missing file, one of another program, a name that no study can have."""


@contextmanager
def resuming(name: str, home: Home) -> Iterator[None]:
    """Show that this process is about to resume a study or a benchmark, until `taken_over` or the end of the block."""
    if home.root.is_dir() and resumed_by(name, home) is None:
        with suppress(OSError, StudyError):  # the home is another user's, or the disk is full: readers see the old end
            file = _file(name, home)
            file.parent.mkdir(exist_ok=True)
            write_whole(file, identity())
    try:
        yield
    finally:
        taken_over(name, home)


def taken_over(name: str, home: Home) -> None:
    """Show it no longer: the store shows that this process drives it, or it will not."""
    with suppress(*_UNREADABLE):
        file = _file(name, home)
        if file.read_text(encoding="utf-8") == identity():
            file.unlink()
            file.parent.rmdir()  # where no other is being resumed


def resumed_by(name: str, home: Home) -> str | None:
    """The process of this machine that is about to resume a study or a benchmark, in words; None where none is."""
    with suppress(*_UNREADABLE):
        tags = {schema.DRIVER: _file(name, home).read_text(encoding="utf-8")}
        return where(tags) if life(tags) == "alive" else None
    return None


def _file(name: str, home: Home) -> Path:
    return home.root / FOLDER / check_study_name(name)
