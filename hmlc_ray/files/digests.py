"""SHA-256 of files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from hmlc_ray.files.disk_cache import look_of


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's content, as hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def known_sha256(file: Path) -> str:
    """The same, read once as long as the file looks the same.

    Raises:
        OSError: if it cannot be read.
    """
    return _read_once(file, look_of(file))


@lru_cache(maxsize=256)
def _read_once(file: Path, look: str) -> str:
    return sha256_of(file)
