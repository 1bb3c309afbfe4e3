"""Storage of a study's checkpoints and of Optuna's trials: home folder, shared folder, S3, a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pyarrow.fs

from hmlc_ray.config.storage import check_results, check_trials
from hmlc_ray.config.sweep import StudyConfig, SweepConfig
from hmlc_ray.errors import ConfigError, first_line
from hmlc_ray.home import Home
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.names.uris import without_password

RESULTS_VARIABLE = "HMLC_STORAGE"
TRIALS_VARIABLE = "HMLC_OPTUNA_STORAGE"
_GROUPS = "_groups"


@dataclass(frozen=True)
class Results:
    """The location of checkpoints and of Ray's own state: a folder that all nodes share, or a bucket.

    Below it lie `<study>/` (Tune's), `_groups/` and `_refits/` (Ray Train's); no study's name begins with `_`.
    """

    uri: str
    """An absolute path, or `s3://BUCKET/PREFIX`."""

    @classmethod
    def of(cls, storage: str | None, home: Home) -> Results:
        """The location given, else `HMLC_STORAGE`, else the home folder's.

        Raises:
            ConfigError: if it is neither an absolute path nor an s3:// URI.
        """
        chosen = storage or os.environ.get(RESULTS_VARIABLE)
        if not chosen:
            return cls(str(home.ray))
        return cls(check_results(chosen, "study.storage" if storage else RESULTS_VARIABLE))

    def below(self, *parts: str) -> str:
        """The URI of a folder in it."""
        if "://" not in self.uri:
            return "/".join((self.uri, *parts))
        split = urlsplit(self.uri)
        return urlunsplit(split._replace(path="/".join((split.path.rstrip("/"), *parts))))

    def groups(self, study: str) -> str:
        """URI of the folder for trials that are worker groups."""
        return self.below(_GROUPS, study)

    @property
    def refits(self) -> str:
        return self.below("_refits")

    @property
    def is_local(self) -> bool:
        """Whether it is a folder on this machine or mounted by it."""
        return "://" not in self.uri

    @cached_property
    def filesystem(self) -> pyarrow.fs.FileSystem:
        """pyarrow's view of it; paths are as Ray gives them.

        Raises:
            ConfigError: if the URI cannot be understood.
        """
        if self.is_local:
            return pyarrow.fs.LocalFileSystem()
        try:
            return pyarrow.fs.FileSystem.from_uri(self.uri)[0]
        except (pyarrow.ArrowException, OSError) as error:
            raise ConfigError(f"the storage {self.uri!r} cannot be used: {first_line(error)}") from error

    def path(self, *parts: str) -> str:
        """A folder in it, as `filesystem` knows it."""
        if self.is_local:
            return self.below(*parts)
        return str(pyarrow.fs.FileSystem.from_uri(self.below(*parts))[1])

    def followed(self, path: str, study: str) -> str:
        """The present path of a study's folder, given its recorded path: its parent may have been moved or copied."""
        parts = path.rstrip("/").split("/")
        if study not in parts:
            return path
        start = len(parts) - 1 - parts[::-1].index(study)
        return self.path(*parts[start - (start > 0 and parts[start - 1] == _GROUPS) :])

    @contextmanager
    def fetched(self, path: str) -> Iterator[Path]:
        """A folder of it on this machine, for the time of the block; `path` is as `filesystem` knows it."""
        with fetched(path, self.filesystem) as folder:
            yield folder

    def names(self, *parts: str) -> list[str]:
        """Names in one of its folders, sorted; empty where there is no such folder."""
        selector = pyarrow.fs.FileSelector(self.path(*parts), allow_not_found=True)
        return sorted(info.base_name for info in self.filesystem.get_file_info(selector))


@contextmanager
def fetched(path: str, filesystem: pyarrow.fs.FileSystem) -> Iterator[Path]:
    """A folder on this machine, for the time of the block: the folder itself, or a copy of one in a bucket.

    Ray's own `Checkpoint.as_directory` leaves its copy in the temporary directory where the process is killed.

    Raises:
        OSError: if there is no such folder, or the bucket does not answer.
    """
    if isinstance(filesystem, pyarrow.fs.LocalFileSystem):
        yield Path(path)
        return
    if filesystem.get_file_info(path).type != pyarrow.fs.FileType.Directory:
        raise FileNotFoundError(f"there is no folder {path}")
    with scratch_folder("fetched") as folder:
        pyarrow.fs.copy_files(path, str(folder), source_filesystem=filesystem)
        yield folder


def with_storage(sweep: SweepConfig) -> SweepConfig:
    """The sweep with its storage locations written down, so that a resume uses them whatever its own environment says.

    A password is never written down: `HMLC_OPTUNA_STORAGE` or the database's own variables have to hold it.
    """
    study = sweep.study
    storage = study.storage or os.environ.get(RESULTS_VARIABLE)
    trials = study.optuna_storage or os.environ.get(TRIALS_VARIABLE)
    if storage:
        check_results(storage, RESULTS_VARIABLE)
    if trials:
        check_trials(without_password(trials), TRIALS_VARIABLE)
    locations = {"storage": storage or None, "optuna_storage": without_password(trials) if trials else None}
    return sweep.model_copy(update={"study": study.model_copy(update=locations)})


def check_results_location(study: StudyConfig, home: Home) -> None:
    """Make sure that a storage outside of the home folder can be used, before anything is written.

    Raises:
        ConfigError: if it cannot.
    """
    results = Results.of(study.storage, home)
    try:
        if not results.is_local:
            bucket = results.path().partition("/")[0]
            if results.filesystem.get_file_info(bucket).type == pyarrow.fs.FileType.NotFound:
                raise ConfigError(f"the storage {results.uri} cannot be used: there is no bucket {bucket!r}")
        elif results.uri != str(home.ray):
            Path(results.uri).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the storage {results.uri} cannot be used: {first_line(error)[:300]}") from error
