"""The home folder: where the embedded default keeps everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.machine.environment import variables
from hmlc_ray.machine.user import expanded
from hmlc_ray.names.studies import check_study_name

DEFAULT = "hmlc-home"
VARIABLE = "HMLC_HOME"
CACHE_VARIABLE = "HMLC_CACHE"
_FORMER = ".moved-from"


@dataclass(frozen=True)
class Home:
    """Paths below one folder; nothing is created until something is written.

    home/
      mlflow.db   artifacts/     MLflow's store
      optuna.db                  Optuna's studies
      ray/<study>/               Tune's experiments, with trial checkpoints
      ray/_groups/, ray/_refits/ Ray Train's runs: trials with a worker group, and refits
      studies/<study>/           the sweep as it was started, its status, and the exported best encoder
      resuming/                  which studies a process is about to resume
      runs/<name>/               checkpoints and exports of single runs, reports on any run
      cache/                     decoded data; it can be deleted whenever nothing runs
      .moved-from                the folders that it was before, if it was moved or copied
    """

    root: Path

    @classmethod
    def of(cls, folder: str | Path | None) -> Home:
        """The folder given, else `HMLC_HOME`, else `./hmlc-home`."""
        return cls(expanded(folder or os.environ.get(VARIABLE) or DEFAULT).absolute())

    @property
    def tracking_uri(self) -> str:
        """URI of the embedded MLflow store."""
        return sqlite_uri(self.root / "mlflow.db")

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def optuna_url(self) -> str:
        """URL of the embedded Optuna storage."""
        return sqlite_uri(self.root / "optuna.db")

    @property
    def ray(self) -> Path:
        return self.root / "ray"

    def study(self, name: str) -> Path:
        """Folder of a study.

        Raises:
            StudyError: if the name is not a valid study name, but a path for instance.
        """
        return self.root / "studies" / check_study_name(name)

    def spool(self, name: str) -> Path:
        """What the MLflow store lacks of a study, because it was away."""
        return self.study(name) / "unsent"

    def run(self, name: str) -> Path:
        return self.root / "runs" / name

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def former(self) -> list[Path]:
        """The folders that this home was before it was moved or copied."""
        try:
            lines = (self.root / _FORMER).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        return [Path(line) for line in lines if line and Path(line) != self.root]

    def note_former(self, folder: Path) -> None:
        """Remember that this home was another folder before.

        Raises:
            OSError: if it cannot be written.
        """
        if folder != self.root and folder not in self.former:
            from hmlc_ray.files.atomic import write_whole

            write_whole(self.root / _FORMER, "".join(f"{path}\n" for path in [*self.former, folder]))

    def followed(self, path: str) -> str:
        """The present path of what was at an absolute path: it was moved with the home if it was inside it, or if it
        exists at the same relative path and no longer at its own."""
        if not Path(path).is_absolute() or Path(path).is_relative_to(self.root):  # the home may lie in a former one
            return path
        for former in self.former:
            moved = os.path.normpath(self.root / os.path.relpath(path, former))
            # `os.path` reports what may not be read, as in another user's folder, as absent.
            if Path(path).is_relative_to(former) or (not os.path.exists(path) and os.path.exists(moved)):
                return moved
        return path

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this the home of the block, and of the processes that are started in it."""
        with variables({VARIABLE: str(self.root)}):
            yield


def sqlite_uri(file: Path) -> str:
    """A file as SQLAlchemy's URI: it ends the name at a `?`, and reads `%41` as `A`."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def cache_folder() -> Path:
    """Where this machine keeps decoded data: `HMLC_CACHE`, else `cache` in the current home folder."""
    given = os.environ.get(CACHE_VARIABLE)
    return expanded(given).absolute() if given else Home.of(None).cache
