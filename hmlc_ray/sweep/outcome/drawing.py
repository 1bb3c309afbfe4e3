"""The pictures of a study, by a process that is given so many seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hmlc_ray.machine.environment import seconds_of
from hmlc_ray.sweep.outcome.searched import MISSING_FILE, STUDY_FILE, DrawnStudy

PICTURES, PICTURES_VARIABLE = "pictures", "HMLC_PICTURES"
"""The folder, of the artifacts too; and in the environment: seconds that the pictures of a study may take, 0 for
none."""
_DEFAULT_S = 120.0
_MODULE = "hmlc_ray.sweep.outcome.optuna_pictures"


def picture_seconds() -> float:
    """Seconds that the pictures of a study may take.

    Raises:
        ConfigError: if the environment's value is not a number.
    """
    return seconds_of(PICTURES_VARIABLE, _DEFAULT_S)


def draw_study(drawn: DrawnStudy, folder: Path, seconds: float) -> list[str]:
    """Draw into `folder/pictures`; return a sentence for each picture that is missing. It never raises for one."""
    (folder / PICTURES).mkdir(parents=True)
    (folder / STUDY_FILE).write_text(drawn.model_dump_json(), encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", _MODULE, str(folder)]  # no modules from the user's folder
    try:
        done = subprocess.run(  # noqa: S603 - this Python
            command, capture_output=True, text=True, errors="replace", timeout=seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"the pictures were given up after {seconds:g} s (environment: {PICTURES_VARIABLE})"]
    except OSError as error:
        return [f"the pictures could not be drawn: {error}"]
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2] or "no output"
        return [f"the pictures could not be drawn: exit code {done.returncode}, {last}"]
    return [f"picture {line}" for line in (folder / MISSING_FILE).read_text(encoding="utf-8").splitlines() if line]
