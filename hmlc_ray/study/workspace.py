"""Where a command works: its home folder, its MLflow store, its Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hmlc_ray.home import Home
from hmlc_ray.machine.loopback import bypass_proxies
from hmlc_ray.names.uris import public_uri, typed_uri
from hmlc_ray.study.commands import Value, command
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import JOB_VARIABLE
from hmlc_ray.tracking.uri import sqlite_path

URI_VARIABLE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class Workspace:
    """The home folder, and store and cluster as they were given.

    A job's own, which another machine resolves, is `sweep.jobs.submit.JobWorkspace`.
    """

    home: Home
    tracking_uri: str | None = None
    """URI of the MLflow store; None: `MLFLOW_TRACKING_URI`, else the home folder's own."""
    address: str | None = None
    """Address of the Ray cluster: `auto` or `host:port`; None or `local`: a Ray of this process alone."""

    typed_home: Path | None = None
    """The home folder as it was typed; printed where the command was."""

    @classmethod
    def of(cls, home: Path | None, tracking_uri: str | None = None, address: str | None = None) -> Workspace:
        """The workspace of the home folder given, else `HMLC_HOME`, else `./hmlc-home`."""
        return cls(Home.of(home), tracking_uri, address, home)

    @property
    def store(self) -> str:
        """The URI of the MLflow store, with its password."""
        return self._named_store or self.home.tracking_uri

    @property
    def has_store(self) -> bool:
        """Whether there is a store: a server or a server's database, which answers for itself, or a file that is there.

        Raises:
            TrackingError: if the store would live in memory.
        """
        file = sqlite_path(self.store)
        return file is None or file.is_file()

    @property
    def names_store(self) -> bool:
        """Whether another store than the home folder's own is named."""
        return bool(self._named_store)

    @property
    def store_place(self) -> str:
        """Where the store is looked for, in sentences."""
        return public_uri(self._named_store) if self._named_store else str(self.home.root)

    @property
    def _named_store(self) -> str | None:
        return self.tracking_uri or os.environ.get(URI_VARIABLE)

    def open_tracker(self, *, driving: str | None = None, note: Callable[[str], None] | None = None) -> Tracker:
        """Open the store; the home folder's own is made where there is none.

        Args:
            driving: the study whose driver this is: what the store lacks of it, while it is away, is kept in the
                study's folder.
            note: see `Tracker.connect`.

        Raises:
            TrackingError: within seconds, if it cannot be reached or written.
        """
        bypass_proxies()
        spool = None if driving is None else self.home.spool(driving)
        return Tracker.connect(self.store, artifact_root=self.home.artifacts, spool=spool, note=note)

    def existing_tracker(self) -> Tracker | None:
        """Open the store, or give None where its file is not there: looking must not make one.

        Raises:
            TrackingError: if a store that is named cannot be reached.
        """
        return self.open_tracker() if self.has_store else None

    def options(self) -> dict[str, Value]:
        """The options that lead another command to the same stores, without those that this environment implies."""
        options: dict[str, Value] = {}
        if self.home != Home.of(None):
            options["home"] = self.typed_home or self.home.root
        if self.tracking_uri and self.tracking_uri != os.environ.get(URI_VARIABLE):
            options["tracking_uri"] = typed_uri(self.tracking_uri)
        return options

    @property
    def is_embedded(self) -> bool:
        """Whether Ray is one of this process alone."""
        return self.address in (None, "local")

    def options_with_cluster(self) -> dict[str, Value]:
        """The options that lead another command to the same stores and to the same cluster."""
        return self.options() | ({"address": self.address} if self.address and not self.is_embedded else {})

    def best_command(self, study: str) -> str:
        """`hmlc best NAME`, with the options that this environment does not imply."""
        return command("best", study, **self._anywhere.options())

    def resume_command(self, study: str) -> str:
        """`hmlc resume NAME`, with the options that this environment does not imply."""
        if os.environ.get(JOB_VARIABLE):
            return command("resume", study, address="http://HEAD:8265")
        return command("resume", study, **self._anywhere.options_with_cluster())

    @property
    def reap_sentence(self) -> str:
        """How to close the runs that a process left open when it was ended."""
        return f"close its run with `{command('reap', **self._anywhere.options())}`"

    @property
    def _anywhere(self) -> Workspace:
        """The same workspace, with options that do not depend on the working directory."""
        return replace(self, typed_home=None)
