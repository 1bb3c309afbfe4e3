"""Keys of sampled sets: by what is in the files, and, to find that key without opening them, by how they look."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from hmlc_ray.files.atomic import write_whole
from hmlc_ray.files.disk_cache import look_of
from hmlc_ray.files.imposters import is_regular
from hmlc_ray.machine.cpus import usable_cpus

Settings = Sequence[int | bool | str]


def file_digests(files: Sequence[Path]) -> list[bytes]:
    """SHA-256 of each file's content, empty where it cannot be read."""
    with ThreadPoolExecutor(usable_cpus()) as pool:  # hashing and reading release the GIL
        return list(pool.map(_digest, files))


def content_key(files: Sequence[Path], digests: Sequence[bytes], settings: Settings) -> str:
    """Key of the files' contents, in order, and every setting; not of their names and paths."""
    key = hashlib.sha256(json.dumps(list(settings)).encode())
    for file, digest in zip(files, digests, strict=True):
        key.update(file.suffix.lower().encode() + digest + b"\0")
    return key.hexdigest()[:32]


def listing_key(files: Sequence[Path], root: Path, settings: Settings) -> str:
    """Key of the files' names below `root`, sizes and times of change, of the root and every setting."""
    key = hashlib.sha256(json.dumps([*settings, os.fsencode(root).hex()]).encode())
    start = len(str(root))
    for file in map(str, files):
        key.update(f"\0{file[start:]}\0{look_of(file)}".encode(errors="surrogateescape"))
    return key.hexdigest()[:32]


def remembered(note: Path) -> str | None:
    """The key that a note holds; None where there is none that can be read."""
    try:
        key = json.loads(note.read_text(encoding="utf-8"))["key"]
        return key if isinstance(key, str) and key.isalnum() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(note: Path, key: str) -> None:
    """Write a note. Best effort: without it the files are hashed again, and that is all."""
    with suppress(OSError):
        write_whole(note, json.dumps({"key": key}))


def _digest(file: Path) -> bytes:
    try:
        if not is_regular(file):
            return b""
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return b""
