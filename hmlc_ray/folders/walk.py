"""Folders on disk: what lies in them, without litter, without loops and without opening a file."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from hmlc_ray.errors import DataError, TaxonomyError, system_reason
from hmlc_ray.folders.litter import is_litter
from hmlc_ray.folders.split_names import split_role
from hmlc_ray.folders.suffixes import count_suffixes, is_document, list_suffixes
from hmlc_ray.machine.activity import doing, step
from hmlc_ray.names.levels import readable_name
from hmlc_ray.names.nearest import nearest_path

MAX_DEPTH = 50
MOST_LISTS = 100
"""Files of a folder among which lists of splits are looked for; where there are more, they are annotations."""
_BESIDE = re.compile(
    r"read[\W_]?me|licen[cs]e|copying|change[\W_]?log|notes?|about|info|meta[\W_]?data|citation|attribution|labels?"
    r"|classes|categories|(file|class|shape)?[\W_]?(list|names?)|train|val|test|trainval",
    re.IGNORECASE,
)
ClassPath = tuple[str, ...]


@dataclass
class Found:
    """What a walk found; folders are known by their readable names."""

    files: dict[ClassPath, list[Path]] = field(default_factory=dict)
    """The samples of every folder that holds some, but for the top folder."""
    loose: list[Path] = field(default_factory=list)
    """Samples that lie in the top folder itself."""
    barren: dict[ClassPath, Counter[str]] = field(default_factory=dict)
    """Folders without a sample anywhere below, the topmost of each such part: what lies there, by suffix."""
    beside: list[ClassPath] = field(default_factory=list)
    """Such folders beside samples, where no class can lie: textures of meshes, for example."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Files of other types, by suffix."""
    lists: list[Path] = field(default_factory=list)
    """Documents that are called as splits, such as `train.txt`."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Names that cannot be written as they are, and their replacements."""


def is_folder(path: Path) -> bool:
    """Whether there is a folder.

    Raises:
        DataError: if that cannot be seen, since a folder above it may not be entered.
    """
    return _asked(path, Path.is_dir)


def is_file(path: Path) -> bool:
    """Whether there is a file.

    Raises:
        DataError: see `is_folder`.
    """
    return _asked(path, Path.is_file)


def _asked(path: Path, question: Callable[[Path], bool]) -> bool:
    try:
        return question(path)
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {system_reason(error)}") from error


def entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder, sorted; without litter and what is neither.

    Raises:
        DataError: if it cannot be read.
    """
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_litter(entry.name):
                    continue
                if _leads_nowhere(entry):  # a sample that is missing
                    files.append(entry.name)
                elif entry.is_dir():
                    folders.append(entry.name)
                elif entry.is_file() or entry.is_symlink():
                    files.append(entry.name)
    except OSError as error:
        raise DataError(f"cannot read the folder {str(folder)!r}: {system_reason(error)}") from error
    return sorted(folders, key=_order), sorted(files, key=_order)


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a link to what is not there, or in a circle."""
    if not entry.is_symlink():
        return False
    try:
        entry.stat()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return True
    return False


def sample_files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files of these types directly in a folder, sorted.

    Raises:
        DataError: if it cannot be read.
    """
    return [folder / name for name in entries(folder)[1] if suffix_of(name) in suffixes]


def suffix_of(name: str) -> str:
    """The suffix in lower case, with its dot; empty where there is none."""
    return os.path.splitext(name)[1].lower()


@step()
def walk(root: Path, suffixes: frozenset[str]) -> Found:
    """Look through everything below a folder.

    Raises:
        DataError: if a folder cannot be read, contains itself through a link, or lies too deep.
        TaxonomyError: if a folder holds samples beside folders with samples.
    """
    walker = _Walker(suffixes)
    rest = walker.visit(root, (), ())
    if rest is not None:
        walker.found.barren.update(walker.barren_children)
    return walker.found


def check_folder(root: Path, key: str | None = None) -> None:
    """Check that a folder of data exists.

    Args:
        key: the key of the configuration that names it.

    Raises:
        DataError: if it does not.
    """
    if is_folder(root):
        return
    named = "" if key is None else f"{key}: "
    hint = ": it is a file, and an archive has to be unpacked" if root.is_file() else nearest_path(root)
    raise DataError(f"{named}there is no data folder {str(root)!r}{hint}")


@step()
def files_below(root: Path, suffixes: frozenset[str]) -> list[Path]:
    """All samples in a folder and below it, sorted, whatever its folders mean.

    Raises:
        DataError: if there is no such folder, or no sample in it; see `walk`.
    """
    check_folder(root)
    walker = _Walker(suffixes, mixed=True)
    walker.visit(root, (), ())
    files = sorted(chain(walker.found.loose, *walker.found.files.values()))
    if not files:
        there = count_suffixes(walker.found.left_out) or "nothing"
        raise DataError(f"{str(root)!r} holds no file of type {list_suffixes(suffixes)}; it holds {there}")
    return files


class _Walker:
    def __init__(self, suffixes: frozenset[str], *, mixed: bool = False) -> None:
        """`mixed`: samples may lie beside folders with samples."""
        self.found = Found()
        self._mixed = mixed
        self.barren_children: dict[ClassPath, Counter[str]] = {}
        self._suffixes = suffixes

    def visit(self, folder: Path, path: ClassPath, above: tuple[tuple[int, int], ...]) -> Counter[str] | None:
        """None where samples lie below; otherwise what does, by suffix."""
        doing(f"looking through {folder}")
        here = self._identity(folder, path, above)
        folders, files = entries(folder)
        barren: dict[ClassPath, Counter[str]] = {}
        fruitful = False
        for name, shown in self._shown(folder, folders):
            below = self.visit(folder / name, (*path, shown), (*above, here))
            fruitful |= below is None
            if below is not None:
                barren[*path, shown] = barren.get((*path, shown), Counter()) + below
        named = self._samples(files, deepest=self._mixed or (bool(path) and not fruitful))
        samples = [folder / name for name in files if name in named]
        other = Counter(suffix_of(name) for name in files if name not in named)
        self.found.left_out += other
        if len(files) <= MOST_LISTS and not samples:
            self.found.lists += [folder / name for name in files if _is_list(name)]
        self._check_unmixed(folder, path, samples, fruitful)
        if samples:
            (self.found.files.setdefault(path, []) if path else self.found.loose).extend(samples)
        if samples and path:
            self.found.beside += barren
            return None
        if samples or fruitful:
            self.found.barren |= barren
            return None
        self.barren_children = barren
        return sum(barren.values(), other)

    def _samples(self, files: list[str], *, deepest: bool) -> set[str]:
        """Those of a folder's files that are samples. What may be a document by its suffix (`.txt`) is one only where
        there is no other, there is no class folder beside it, and its name is not that of a document."""
        known = {name for name in files if suffix_of(name) in self._suffixes}
        surely = {name for name in known if not is_document(suffix_of(name))}
        return surely or {name for name in known if deepest and not _is_text_beside(name)}

    def _identity(self, folder: Path, path: ClassPath, above: tuple[tuple[int, int], ...]) -> tuple[int, int]:
        try:
            status = folder.stat()
        except OSError as error:
            raise DataError(f"cannot read the folder {str(folder)!r}: {system_reason(error)}") from error
        here = (status.st_dev, status.st_ino)
        if here in above:
            raise DataError(f"cannot read the folder {str(folder)!r}: it is a link to a folder that contains it")
        if len(path) > MAX_DEPTH:
            raise DataError(f"cannot read the folder {str(folder)!r}: it lies more than {MAX_DEPTH} folders deep")
        return here

    def _shown(self, folder: Path, names: list[str]) -> list[tuple[str, str]]:
        """Folders with their readable names; the same name in two Unicode forms is one class."""
        shown = [(name, readable_name(name)) for name in names]
        for name, text in shown:
            if "?" in text and "?" not in name:
                self.found.renamed[str(folder / name)] = text
                if sum(other == text for _, other in shown) > 1:
                    raise DataError(
                        f"{str(folder)!r} holds several folders that would be called {text!r}, since their names are "
                        "not UTF-8 or hold control characters: rename them"
                    )
        return shown

    def _check_unmixed(self, folder: Path, path: ClassPath, samples: list[Path], fruitful: bool) -> None:
        if path and samples and fruitful and not self._mixed:
            raise uneven_files(folder, samples[0])


def uneven_files(folder: Path, sample: Path) -> TaxonomyError:
    """The error of a sample that lies beside class folders."""
    return TaxonomyError(
        f"the tree is uneven: {sample.name!r} lies in {str(folder)!r} beside class folders; "
        "files belong in the deepest folders only"
    )


def _is_list(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    return suffix != "" and is_document(suffix) and split_role(stem) is not None


def _is_text_beside(name: str) -> bool:
    """Whether a text is called as those are that lie beside samples: `README.txt`, `filelist.txt`, `train.txt`."""
    return _BESIDE.fullmatch(os.path.splitext(name)[0]) is not None


def _order(name: str) -> tuple[str, str]:
    return readable_name(name), name
