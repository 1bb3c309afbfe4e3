"""What often lies under the name of an image, a mesh or weights, and is none."""

from __future__ import annotations

import os
import stat

_STARTS = {
    b"<": "it is a web page or other markup, as a download leaves that was refused",
    b"version https://git-lfs": "it is a pointer of Git LFS; `git lfs pull` fetches the file itself",
    b"\0\5\x16\7": "it is an AppleDouble file, in which macOS keeps attributes of another file",
}


NO_FILE = "it is not a regular file"


def what_it_is_instead(start: bytes) -> str | None:
    """Why a file is not data, to follow its name; None where it may be.

    Args:
        start: its first 100 bytes or more.
    """
    if not start:
        return "the file is empty"
    if len(start) >= 64 and not any(start):
        return "it holds zeros, as a download leaves that broke off"
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return next((what for prefix, what in _STARTS.items() if plain.startswith(prefix)), None)


def is_regular(file: str | os.PathLike[str]) -> bool:
    """Whether the file has an end, unlike a pipe or a device, for which a reader may wait for ever.

    Raises:
        OSError: if it is missing, or its folder may not be read.
    """
    return stat.S_ISREG(os.stat(file).st_mode)
