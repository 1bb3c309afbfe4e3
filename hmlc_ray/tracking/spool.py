"""Operations that the store has not taken yet: in order, on disk, whatever happens to the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from hmlc_ray.errors import StoreAway, TrackingError
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.tracking.operations import OfFolder, Operation, parse

_OPERATIONS, _SENT, _ARTIFACTS = "operations.jsonl", "sent", "artifacts"
_REFUSED, _REFUSED_ARTIFACTS = "refused.jsonl", "refused-artifacts"


class Spool:
    """An append-only file of operations, with a mark of how far it has been sent.

    A line is complete once it ends: what a crash cut off was never acknowledged, and is dropped. The mark is written
    after an operation was sent, so a crash between the two sends it once more; every operation is idempotent.

    Args:
        folder: made when something is kept, and removed when everything is sent. One process uses it at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file, self._mark = folder / _OPERATIONS, folder / _SENT
        if self._file.exists():
            _drop_torn_line(self._file)
        else:
            self._mark.unlink(missing_ok=True)
        if self.refused_file.exists():
            _drop_torn_line(self.refused_file)
        self.count = sum(1 for _ in self.pending())
        """Operations that are not sent."""

    def append(self, operation: Operation) -> None:
        """Keep an operation, a folder that it sends included.

        Raises:
            OSError: if the disk does not take it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if isinstance(operation, OfFolder):
            operation = operation.model_copy(update={"folder": str(self._copied(Path(operation.folder)))})
        before = self._file.stat().st_size if self._file.exists() else 0
        try:
            with self._file.open("ab") as file:
                file.write(operation.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # A part of a line would spoil the next one.
            os.truncate(self._file, before)
            raise
        self.count += 1

    def pending(self) -> Iterator[tuple[Operation, int]]:
        """Operations that are to be sent, oldest first, each with the mark that records it as sent."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            position = file.seek(self._sent())
            for line in file:
                position += len(line)
                yield self._here(parse(line.decode())), position

    def sent(self, operation: Operation, mark: int) -> None:
        """Note that an operation, and all before it, need not be sent again."""
        write_whole(self._mark, str(mark))
        self.count -= 1
        if isinstance(operation, OfFolder):
            shutil.rmtree(operation.folder, ignore_errors=True)
        if not self.count:
            self._clear()

    @property
    def refused_file(self) -> Path:
        """An operation and the reason, apart by a tab, in each line."""
        return self.folder / _REFUSED

    def refuse(self, operation: Operation, reason: str) -> None:
        """Set an operation aside that the store does not take, a copy of a folder that it sends included.

        Raises:
            OSError: if the disk does not take it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if isinstance(operation, OfFolder) and Path(operation.folder).exists():
            copy = self._copied(Path(operation.folder), _REFUSED_ARTIFACTS)
            operation = operation.model_copy(update={"folder": str(copy)})
        with self.refused_file.open("a", encoding="utf-8") as file:
            file.write(_refusal(operation, reason))

    def reconsider(self, apply: Callable[[Operation], None]) -> None:
        """Apply what was set aside, and keep what is refused again.

        Raises:
            StoreAway: from `apply`; then the file is unchanged, and the next call applies again what was applied.
        """
        if not self.refused_file.exists():
            return
        kept, done = "", []
        for line in self.refused_file.read_bytes().splitlines():  # of bytes: a tag's text may hold other ends of lines
            try:
                operation = self._here(parse(line.partition(b"\t")[0].decode()), _REFUSED_ARTIFACTS)
            except ValueError:  # older versions wrote reasons of several lines
                kept += f"{line.decode(errors='replace')}\n"
                continue
            try:
                apply(operation)
                done.append(operation)
            except StoreAway:
                raise
            except TrackingError as error:
                kept += _refusal(operation, str(error))
        if kept:
            write_whole(self.refused_file, kept)
        else:
            self.refused_file.unlink()
        for operation in done:
            if isinstance(operation, OfFolder):
                shutil.rmtree(operation.folder, ignore_errors=True)
        self._remove_if_empty()

    def _sent(self) -> int:
        return int(self._mark.read_text()) if self._mark.exists() else 0

    def _here(self, operation: Operation, subfolder: str = _ARTIFACTS) -> Operation:
        """With the folder that it sends as it is now: the home may have been moved since."""
        if isinstance(operation, OfFolder):
            folder = self.folder / subfolder / Path(operation.folder).name
            return operation.model_copy(update={"folder": str(folder)})
        return operation

    def _copied(self, source: Path, name: str = _ARTIFACTS) -> Path:
        parent = self.folder / name
        parent.mkdir(exist_ok=True)
        target = Path(tempfile.mkdtemp(dir=parent))
        try:
            shutil.copytree(source, target, dirs_exist_ok=True)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return target

    def _clear(self) -> None:
        # The operations first: a mark without them means nothing, operations without it would be sent again.
        self._file.unlink()
        self._mark.unlink()
        shutil.rmtree(self.folder / _ARTIFACTS, ignore_errors=True)
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        with suppress(OSError):
            (self.folder / _REFUSED_ARTIFACTS).rmdir()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def _drop_torn_line(file: Path) -> None:
    with file.open("r+b") as lines:
        content = lines.read()
        lines.truncate(content.rfind(b"\n") + 1)


def _refusal(operation: Operation, reason: str) -> str:
    return f"{operation.model_dump_json()}\t{' '.join(reason.split())}\n"
