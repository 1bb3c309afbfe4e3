"""What often lies under the name of an image, a mesh or weights, and is none."""

from __future__ import annotations

_STARTS = {
    b"<": "it is a web page or other markup, as a download leaves that was refused",
    b"version https://git-lfs": "it is a pointer of Git LFS; `git lfs pull` fetches the file itself",
    b"\0\5\x16\7": "it is an AppleDouble file, in which macOS keeps attributes of another file",
}


def what_it_is_instead(start: bytes) -> str | None:
    """Why a file is no data, to follow its name; None where it may be.

    Args:
        start: its first 100 bytes or more.
    """
    if not start:
        return "the file is empty"
    if len(start) >= 64 and not any(start):
        return "it holds zeros, as a download leaves that broke off"
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return next((what for prefix, what in _STARTS.items() if plain.startswith(prefix)), None)
