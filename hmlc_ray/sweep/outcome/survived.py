"""What describes an outcome decides nothing, so what fails there is a note and not an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hmlc_ray.errors import HmlcError, StoreAway, first_line
from hmlc_ray.machine.activity import noted
from hmlc_ray.sweep.context import StudyContext


@contextmanager
def survived(context: StudyContext, what: str) -> Iterator[None]:
    """Make a note of an error of the block, and of its work where that takes long."""
    try:
        with noted(f"writing {what}", context.progress.note):
            yield
    except StoreAway:
        context.progress.note(f"{what} is left out: the MLflow store does not answer")
    except HmlcError as error:
        context.progress.note(f"{what} is left out: {error}")
    except Exception as error:  # of whatever library draws or writes it
        context.progress.note(f"{what} is left out: {type(error).__name__}: {first_line(error)}")
