"""What Pillow keeps for the whole process, set aside while this package reads files."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from PIL import Image

_LOCK = threading.Lock()
_STACK = ExitStack()
_users = 0


@contextmanager
def lifted_limits() -> Iterator[None]:
    """Pillow neither limits the number of pixels, since `max_pixels` does, nor warns of what it reads over.

    May be entered by several threads at once and again by one that is inside: the last to leave puts back what was.
    """
    global _users
    with _LOCK:
        _users += 1
        if _users == 1:
            _enter()
    try:
        yield
    finally:
        with _LOCK:
            _users -= 1
            if _users == 0:
                _STACK.close()


def _enter() -> None:
    _STACK.enter_context(warnings.catch_warnings())
    # Broken metadata for example, which is of no interest, would be printed once for every process.
    warnings.filterwarnings("ignore", category=UserWarning)
    _STACK.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    Image.MAX_IMAGE_PIXELS = None
