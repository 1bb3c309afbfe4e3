"""Reports: `report`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.api import calls
from hmlc_ray.api.calls import AnyPath, workspace_of
from hmlc_ray.api.results import name_of

if TYPE_CHECKING:
    from hmlc_ray.api.results import Trained
    from hmlc_ray.report.write import WrittenReport

_LOG = logging.getLogger("hmlc_ray")


def report(
    source: Trained,
    *,
    out: AnyPath | None = None,
    embedding: bool = True,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
) -> WrittenReport:
    """Write the report of a study, a benchmark or a run as one HTML file, and log it to its MLflow run. Without Ray.

    Nothing is trained. The file loads nothing from anywhere. It aims at 6 MB at most, else a warning says so.

    >>> from hmlc_ray import report
    >>> written = report("digits-1", out="report.html", embedding=False)
    >>> written.file.name, written.bytes < 6_000_000
    ('report.html', True)

    Args:
        source: the name of a study or a benchmark, the id of an MLflow run, or a result of `train`, `sweep` or `best`.
        out: the file, .html or .htm; None: in the home folder's folder of the study, benchmark or run, if it has one.
        embedding: encode samples of the judged split again, for a map of them and the hardest confusions; it takes as
            long as an evaluation.
        home, tracking_uri: see `train`.

    Raises:
        StudyError: if the store has neither a study, a benchmark nor a run of that name.
        TrackingError: if the store cannot be reached.
        ConfigError: if `out` cannot be written, or does not end in .html or .htm.
    """
    path = None if out is None else Path(out)
    return calls.report(str(name_of(source)), workspace_of(home, tracking_uri), path, embedding, _LOG.warning)
