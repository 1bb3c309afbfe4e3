"""What a study may be called: a name is part of paths, of a job's id and of commands."""

from __future__ import annotations

import re

from hmlc_ray.errors import StudyError
from hmlc_ray.names.cut import cut

PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
MAX_LENGTH = 100


def allowed(longest: int = MAX_LENGTH) -> str:
    """What a name may be, to follow `must be`."""
    return (
        f"lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit, {longest} at most"
    )


ALLOWED = allowed()


def check_study_name(name: str) -> str:
    """The name, if it is one.

    Raises:
        StudyError: if it is none; a path such as `../x` leads nowhere.
    """
    if len(name) > MAX_LENGTH or re.fullmatch(PATTERN.rstrip("$"), name) is None:
        raise StudyError(f"{cut(name, 120)!r} is not a valid study name; allowed are {ALLOWED}")
    return name
