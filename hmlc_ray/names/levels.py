"""What the levels of a tree may be called. Imports neither torch nor numpy."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.names.cut import cut
from hmlc_ray.names.metrics import check_level_keys

_UNPRINTABLE = "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"


def readable_name(name: str) -> str:
    """The name of a file or folder as a text that can be shown and stored: composed (NFC), as names from macOS are not;
    bytes that are not UTF-8 and control characters become question marks, whatever the system's encoding is."""
    if name.isascii() and name.isprintable():
        return name
    with suppress(UnicodeEncodeError):  # not from this file system
        name = os.fsencode(name).decode("utf-8", errors="replace").replace("\ufffd", "?")
    return composed(re.sub(_UNPRINTABLE, "?", name))


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC): the two ways to write `é` are one name."""
    return unicodedata.normalize("NFC", name)


def check_printable(names: Iterable[str]) -> None:
    """Refuse names that would steer the terminal that shows them, or that UTF-8 cannot hold.

    Raises:
        TaxonomyError: naming the first.
    """
    for name in names:
        if re.search(_UNPRINTABLE, name):
            raise TaxonomyError(f"the name {cut(name, 80)!a} holds a control character or is not valid UTF-8")


def check_level_names(names: Sequence[str]) -> None:
    """Check the names of a tree's levels, coarsest first.

    Metrics are reported as `<metric>/<level>`, with `leaf` for the finest level and `mean` for the mean over all.

    Raises:
        TaxonomyError: if two are alike, as they are or in MLflow, one is empty or no text, one is `mean`, or one but
            the last is `leaf`.
    """
    if not all(isinstance(name, str) and name for name in names):
        raise TaxonomyError(f"level names must be texts that are not empty, got {list(names)}")
    if len(set(names)) != len(names):
        raise TaxonomyError(f"level names must differ, got {', '.join(names)}")
    if "mean" in names:
        raise TaxonomyError("no level can be called 'mean': metrics have that name for the mean over levels")
    if "leaf" in names[:-1]:
        raise TaxonomyError("no level but the finest can be called 'leaf': metrics have that name for the finest level")
    check_level_keys(names)
