"""Paths that a table lists, as files below a folder: however they were written, and never outside of it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from hmlc_ray.errors import system_reason

_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class BadPath(ValueError):
    """A path that cannot be used; the message is one clause."""


class ListedPaths:
    """Files below a root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}

    def find(self, name: str) -> Path:
        """The file that a table means: as written, or else with `/` for backslashes, without percent codes, or in the
        other Unicode form; whichever is there.

        Raises:
            BadPath: if it is absolute, leads out of the root (also through a link), or there is no such file.
        """
        if _URL.match(name):
            raise BadPath(f"{name!r} is a URL; paths are relative to {str(self._root)!r}")
        if os.path.isabs(name) or _WINDOWS.match(name):
            raise BadPath(f"the path {name!r} is absolute; paths are relative to {str(self._root)!r}")
        for spelling in _spellings(name):
            file = os.path.normpath(os.path.join(self._root, spelling))
            if not self._is_inside(file):
                raise BadPath(f"the path {name!r} leads out of {str(self._root)!r}")
            if os.path.isfile(file):
                return Path(file)
        file = os.path.join(self._root, name)
        if os.path.isdir(file):
            raise BadPath(f"there is no file {name!r} in {str(self._root)!r}, but a folder of that name")
        try:
            os.stat(file)
        except PermissionError as error:
            raise BadPath(f"cannot read the file {name!r} in {str(self._root)!r}: {system_reason(error)}") from None
        except (OSError, ValueError):
            pass
        raise BadPath(f"there is no file {name!r} in {str(self._root)!r}{self._near(name)}")

    def _is_inside(self, file: str) -> bool:
        """Whether the file lies below the root once all links are followed; folders are looked up once."""
        folder, name = os.path.split(file)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        real = os.path.join(self._real_folders[folder], name)
        real = os.path.realpath(real) if os.path.islink(real) else real
        return real.startswith(os.path.join(self._real_root, ""))

    def _near(self, name: str) -> str:
        """Where the path leads if upper and lower case, or the root's own name before it, are disregarded."""
        parts = name.replace("\\", "/").removeprefix("./").split("/")
        if parts[0] == self._root.name and (self._root.joinpath(*parts[1:])).is_file():
            return f", but {'/'.join(parts[1:])!r} is there: leave out {parts[0]!r}, the root itself"
        path_here = self._root
        for part in parts:
            try:
                path_here = next(entry for entry in path_here.iterdir() if entry.name.casefold() == part.casefold())
            except (OSError, StopIteration):
                return ""
        return f", but {os.path.relpath(path_here, self._root)!r} is there: upper and lower case matter"


def _spellings(name: str) -> Iterator[str]:
    yield name
    slashed = name.replace("\\", "/")
    forms = [slashed, *(form for form in (unquote(name), unquote(slashed)) if "\0" not in form)]
    composed = [unicodedata.normalize("NFC", form) for form in (name, *forms)]
    decomposed = [unicodedata.normalize("NFD", form) for form in (name, *forms)]
    yield from dict.fromkeys((*forms, *composed, *decomposed))
