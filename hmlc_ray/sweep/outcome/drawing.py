"""The pictures of a study, by a process of their own that is given so many seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hmlc_ray.machine.environment import seconds_of
from hmlc_ray.sweep.outcome.searched import MISSING_FILE, STUDY_FILE, DrawnStudy

PICTURES, PICTURES_VARIABLE = "pictures", "HMLC_PICTURES"
"""The folder, of the artifacts too; and in the environment: seconds that the pictures of a study may take, 0 for
none."""
_DEFAULT_S = 120.0
_ERRORS_FILE = "errors.txt"
_MODULE = "hmlc_ray.sweep.outcome.optuna_pictures"


def picture_seconds() -> float:
    """Seconds that the pictures of a study may take.

    Raises:
        ConfigError: if the environment's value is not a number.
    """
    return seconds_of(PICTURES_VARIABLE, _DEFAULT_S)


class Drawing:
    """A process that draws into `folder/pictures`, from now on. It never raises for a picture."""

    def __init__(self, drawn: DrawnStudy, folder: Path, seconds: float) -> None:
        self.folder = folder / PICTURES
        self._files, self._seconds, self._start = folder, seconds, time.monotonic()
        self._process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir(parents=True)
        (folder / STUDY_FILE).write_text(drawn.model_dump_json(), encoding="utf-8")
        environment = {**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", _MODULE, str(folder)]  # no modules from the user's folder
        try:
            with (folder / _ERRORS_FILE).open("wb") as errors:  # a pipe could fill up: nobody reads until the end
                self._process = subprocess.Popen(  # noqa: S603 - this Python
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment
                )
        except OSError as error:
            self._fault = f"the pictures could not be drawn: {error}"

    def missing(self) -> list[str]:
        """Wait for the rest of the time at most; gives a sentence for each picture that is missing."""
        if self._process is None:
            return [self._fault]
        try:
            code = self._process.wait(max(0.0, self._start + self._seconds - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.end()
            return [f"the pictures were given up after {self._seconds:g} s (environment: {PICTURES_VARIABLE})"]
        if code != 0:
            said = (self._files / _ERRORS_FILE).read_text(encoding="utf-8", errors="replace")
            last = said.strip().rpartition("\n")[2] or "no output"
            return [f"the pictures could not be drawn: exit code {code}, {last}"]
        names = (self._files / MISSING_FILE).read_text(encoding="utf-8").splitlines()
        return [f"picture {line}" for line in names if line]

    def end(self) -> None:
        """End the process, if it has not ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def drawing(drawn: DrawnStudy, folder: Path, seconds: float) -> Iterator[Drawing]:
    """Draw a study beside the block, which may take part of the time; with the block it ends in any case."""
    begun = Drawing(drawn, folder, seconds)
    try:
        yield begun
    finally:
        begun.end()
