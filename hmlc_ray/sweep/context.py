"""A study that is driven: all that its parts share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hmlc_ray.config.sweep import StudyConfig, SweepConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.home import Home
from hmlc_ray.runs.describing import dataset_facts
from hmlc_ray.study.storage import Results
from hmlc_ray.study.summary import SweepProgress
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.operations import DatasetFacts


@dataclass(frozen=True)
class StudyContext:
    """A study's configuration and data, its workspace, and the views and stores that it reports to."""

    sweep: SweepConfig
    data: DataSet
    workspace: Workspace
    tracker: Tracker
    """The one writer of the study's runs."""
    progress: SweepProgress

    @property
    def study(self) -> StudyConfig:
        return self.sweep.study

    @property
    def name(self) -> str:
        return self.study.name

    @property
    def home(self) -> Home:
        return self.workspace.home

    @property
    def folder(self) -> Path:
        """The study's folder in the home folder."""
        return self.home.study(self.name)

    @property
    def results(self) -> Results:
        """Where its checkpoints and Tune's state are.

        Raises:
            ConfigError: see `Results.of`.
        """
        return Results.of(self.study.storage, self.home)

    @cached_property
    def dataset(self) -> DatasetFacts:
        """The data as MLflow shows them."""
        return dataset_facts(self.sweep.base_trial().data, self.data)

    @property
    def resume_command(self) -> str:
        """The command that resumes the study."""
        return self.workspace.resume_command(self.name)
