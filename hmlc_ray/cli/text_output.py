"""Output encoding: names may hold any character, but a terminal or pipe may not be able to show it."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

_HANDLER = "backslashreplace"


def prepare_output() -> None:
    """Make stdout and stderr, here and in processes started from here, show what they cannot encode as escapes.

    Where the system's encoding is not UTF-8 the process restarts in Python's UTF-8 mode: file names are UTF-8 nearly
    everywhere, and all processes of a study must read them alike.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if not _is_utf8(encoding):
        os.environ["PYTHONIOENCODING"] = f"{encoding}:{_HANDLER}"
    if not _is_utf8(sys.getfilesystemencoding()) and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"
        # The option too, before any other: Python may have been started with one that ignores the environment.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - the same once more
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig", "cp65001")
