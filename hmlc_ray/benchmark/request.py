"""What a call of `hmlc benchmark` is about, and that no other one is at work on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.study.workspace import Workspace

REPORT = "report"
"""The folder of tables and pictures in the home folder, and among the run's artifacts."""


@dataclass(frozen=True)
class BenchmarkRequest:
    """What `hmlc benchmark` was asked for."""

    suite: SuiteConfig
    workspace: Workspace
    results: Path | None = None
    """The results file; None: the one in the home folder."""
    out: Path | None = None
    """The folder for tables and pictures; None: the one in the home folder."""
    replace: bool = False
    """Run again what does not fit the suite any more."""
    again: str = "hmlc benchmark"
    """The command that resumes it."""

    @property
    def folder(self) -> Path:
        return self.workspace.home.root / "benchmarks" / self.suite.benchmark.name

    @property
    def report(self) -> Path:
        return self.out or self.folder / REPORT

    @property
    def results_file(self) -> Path:
        return self.results or self.folder / "results.jsonl"


@contextmanager
def alone(request: BenchmarkRequest) -> Iterator[None]:
    """Be the one process that runs a suite in this home folder.

    Raises:
        StudyError: if another one does.
    """
    request.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(request.folder / ".lock", timeout=0):
            yield
    except Timeout:
        name = request.suite.benchmark.name
        raise StudyError(f"benchmark {name!r} is running: another process drives it; nothing was changed") from None
