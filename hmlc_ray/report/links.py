"""Where a report leads to: runs in MLflow's interface, and commands that work when they are typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.names.uris import is_server, public_uri, typed_uri
from hmlc_ray.report.page.blocks import Link
from hmlc_ray.study.commands import Value, command
from hmlc_ray.study.schema import ENCODER
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun


@dataclass(frozen=True)
class Links:
    """The store and the home folder of what is reported."""

    workspace: Workspace
    experiment_id: str
    """That of the subject: MLflow nests runs of one experiment alone."""
    store: str
    """Without credentials."""

    @classmethod
    def of(cls, tracker: Tracker, run: TrialRun, workspace: Workspace) -> Links:
        return cls(workspace, run.experiment_id, tracker.uri)

    @property
    def options(self) -> dict[str, Value]:
        """The home folder and the store, in full: a report is read in another folder, and another environment."""
        home, store = self.workspace.home, self.workspace.store
        named = {} if store == home.tracking_uri else {"tracking_uri": typed_uri(store)}
        return {**({"home": home.root} if home.root.is_dir() else {}), **named}

    @property
    def is_server(self) -> bool:
        """Whether the store is a server, which has a page for each run."""
        return is_server(self.store)

    def run(self, run_id: str, store: str | None = None) -> Link:
        """A run's page, where the store is a server; else its id.

        Args:
            store: where it is; None: in the store of what is reported.
        """
        if store is not None and store != self.store:
            return Link(run_id, None)
        url = f"{public_uri(self.store).rstrip('/')}/#/experiments/{self.experiment_id}/runs/{run_id}"
        return Link(run_id, url if self.is_server else None)

    def command(self, verb: str, *arguments: str | Path, **options: Value) -> str:
        """A command of `hmlc`, with the options that lead it to the same stores."""
        return command(verb, *arguments, **options, **self.options)

    def ui(self) -> str:
        """The command that opens MLflow's interface."""
        return self.command("ui")

    def python_arguments(self) -> str:
        """The arguments that lead a function of the API to the same stores: empty, or `, home="..."`."""
        return "".join(f", {name}={str(value)!r}" for name, value in self.options.items())

    def encoder_folder(self, study: str) -> Path | None:
        """The exported encoder of a study in the home folder; None where it is not there."""
        folder = self.workspace.home.study(study) / ENCODER
        return folder if folder.is_dir() else None
