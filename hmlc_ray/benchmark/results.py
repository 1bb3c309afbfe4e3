"""The results file: one JSON line per tuning trial and cell that has ended; docs/benchmark.md has its schema.

A suite resumes from this file alone, on another machine too. Lines are only ever appended.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from hmlc_ray.benchmark.tasks import Phase, Place, Task
from hmlc_ray.errors import StudyError, system_reason
from hmlc_ray.files.imposters import NO_FILE, is_regular
from hmlc_ray.files.json_text import NotJson, parse_json

SCHEMA = 1
_FILLING = b" \t\r\0"
"""Bytes around a line: zeros are what some file systems leave of a line that was being written when the power went."""


@dataclass(frozen=True)
class Line:
    """A tuning trial or a cell at its end."""

    schema: int
    phase: Phase
    suite: str
    data: str
    arm: str
    number: int
    """Number of a tuning trial, from 0; for a cell its seed."""
    identity: str
    """See `Task.identity`."""
    fingerprint: str
    searched: dict[str, Any]
    levels: list[str]
    """Names, coarsest first."""
    value: float | None
    """Value of the objective metric on validation; None where the trial failed."""
    metrics: dict[str, float]
    """Metrics of a cell on test, for example `probe_top1/digit`."""
    seconds: float
    run_id: str
    store: str
    """The MLflow store that has the run, without credentials; `sqlite` for a file."""
    version: str
    commit: str
    finished: str
    """Date and time, UTC."""
    hardware: str
    error: str = ""

    @property
    def place(self) -> Place:
        return self.phase, self.data, self.arm, self.number


class ResultsFile:
    """Reads and appends.

    Raises:
        StudyError: if the file cannot be read or written, or holds something else.
    """

    def __init__(self, path: Path, suite: str) -> None:
        self.path, self.suite = path, suite
        self.lines: list[Line] = []
        self._known: dict[tuple[str, Place], Line] = {}
        self._note_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one process that adds lines, with all lines that others have added before.

        The lock is the file's own, which another home folder or machine sees too; the system releases it when the
        process ends, however it ends.

        Raises:
            StudyError: if another process adds lines, or the file cannot be written.
        """
        with self._open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StudyError(
                    f"the results file {self.path} is in use: another process runs a suite on it; nothing was changed"
                ) from None
            except OSError:  # a file system without locks
                pass
            self._note_all()
            yield

    def _note_all(self) -> None:
        for line in _read(self.path):
            if line.suite == self.suite:
                self._note(line)

    def of(self, task: Task) -> Line | None:
        """The line of a task, if it has ended."""
        return self._known.get((task.identity, task.place))

    def _note(self, line: Line) -> None:
        if self._known.setdefault((line.identity, line.place), line) is line:
            self.lines.append(line)

    def add(self, line: Line) -> None:
        """Append a line, whole and on disk when this returns; a second one of the same task is not added."""
        if (line.identity, line.place) in self._known:
            return
        self._append(json.dumps(asdict(line), sort_keys=True).encode() + b"\n")
        self._note(line)

    def _append(self, text: bytes) -> None:
        with self._open() as file:
            try:
                _end_torn_line(file)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise self._unwritable(error) from error

    def _open(self) -> BinaryIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.path.open("ab+")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StudyError:
        return StudyError(f"the results file {self.path} cannot be written: {system_reason(error)}")


def _end_torn_line(file: BinaryIO) -> None:
    """A process that was killed while it wrote leaves a line without an end: what is appended begins a new one."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _read(path: Path) -> Iterator[Line]:
    try:
        if path.exists() and not is_regular(path):  # a pipe would be waited for, and a device keeps nothing
            raise StudyError(f"the results file {path} cannot be used: {NO_FILE}")
        texts = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        raise StudyError(f"the results file {path} cannot be read: {system_reason(error)}") from error
    for number, text in enumerate(texts, start=1):
        text = text.strip(_FILLING)
        if not text:
            continue
        try:
            values = json.loads(text)
        except ValueError as error:
            if _is_torn(text, error):
                continue
            raise StudyError(
                f"{path}, line {number}: it is not JSON ({_mistake(text)}); restore the line or delete it"
            ) from None
        yield _line(values, f"{path}, line {number}")


def _mistake(text: bytes) -> str:
    try:
        parse_json(text.decode(), placed=False)
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    except NotJson as error:
        return str(error)
    return "its numbers are too large"


def _is_torn(text: bytes, error: ValueError) -> bool:
    """Whether a line's end was never written: its process was killed. A whole one ends with a brace, as may what comes
    before more keys."""
    ends_early = isinstance(error, json.JSONDecodeError) and error.pos == len(text.decode(errors="replace"))
    return text.startswith(b"{") and (ends_early or not text.endswith(b"}"))


def _line(values: Any, where: str) -> Line:
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        found = values.get("schema") if isinstance(values, dict) else None
        raise StudyError(f"{where}: its schema is {found!r}, and this version reads {SCHEMA}")
    names = {field.name for field in fields(Line)}
    if missing := names - values.keys() - {"error"}:
        raise StudyError(f"{where}: it lacks {', '.join(sorted(missing))}")
    if unknown := values.keys() - names:
        raise StudyError(f"{where}: it has the unknown key {sorted(unknown)[0]!r}")
    for field in fields(Line):
        if not _fits(field.name, values.get(field.name, "")):
            raise StudyError(f"{where}: {field.name} is {values[field.name]!r}")
    return Line(**values)


_TYPES: dict[str, type] = {"schema": int, "number": int, "searched": dict}


def _fits(name: str, value: Any) -> bool:
    if name == "phase":
        return value in ("trial", "cell")
    if name == "levels":
        return isinstance(value, list) and all(isinstance(level, str) for level in value)
    if name == "metrics":
        return isinstance(value, dict) and all(map(_is_number, value.values()))
    if name in ("value", "seconds"):
        return _is_number(value) or (value is None and name == "value")
    return isinstance(value, _TYPES.get(name, str)) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)
