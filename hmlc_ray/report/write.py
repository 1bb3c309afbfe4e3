"""Start reading here: a report is collected, rendered, logged to its run and written to a file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.errors import ConfigError, StudyError, TrackingError, system_reason
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.machine.activity import doing
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.report.limits import LARGEST, STEPS
from hmlc_ray.report.links import Links
from hmlc_ray.report.page.render import render
from hmlc_ray.report.pages import page_of
from hmlc_ray.report.subject import find_subject, kind_of, open_store
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun

FOLDER = "report"
"""The folder of a run's artifacts that has its report."""
FILE = "report.html"


@dataclass(frozen=True)
class WrittenReport:
    """A report that was written."""

    run_id: str
    """The MLflow run that it is of."""
    file: Path | None
    """Where it was written; None where only the run has it."""
    logged: bool
    """Whether the run has it, as `report/report.html`."""
    bytes: int

    @property
    def artifact(self) -> str:
        """What the run calls it."""
        return f"{FOLDER}/{FILE}"


def write_report(
    name: str,
    workspace: Workspace,
    out: Path | None = None,
    *,
    embedding: bool = True,
    note: Callable[[str], None] = lambda _: None,
) -> WrittenReport:
    """Write the report of a study, a benchmark or a run, and log it to its MLflow run. Nothing is trained.

    Args:
        name: the name of a study or a benchmark, or the id of a run.
        out: the file; None: in the home folder's folder of the study, benchmark or run, where it has one.
        embedding: encode samples of the judged split, for the map and the hardest confusions.
        note: called with a sentence about what could not be done, or what else has that name.

    Raises:
        StudyError: if the store has neither a study, a benchmark nor a run of that name.
        TrackingError: if the store cannot be read, or it does not take the report and there is no other file.
        ConfigError: if `out` cannot be written, or does not end in .html or .htm.
    """
    if out is not None:
        check_file(out)
    tracker = open_store(name, workspace)
    run = find_subject(name, tracker, note)
    html = _fitting(tracker, run, workspace, embedding=embedding)
    size = len(html.encode())
    if size > LARGEST:
        note(f"the report has {size / 1e6:.1f} MB, more than the {LARGEST / 1e6:.0f} MB that it aims at")
    file = out or _own_file(run, workspace)
    if file is not None:
        _write(file, html)
    logged = _log(tracker, run.run_id, html, note, must=file is None)
    return WrittenReport(run.run_id, file, logged, size)


def check_file(out: Path) -> None:
    """Refuse a file that cannot be written, before anything is collected.

    Raises:
        ConfigError: if it is a folder, its folder is not there, or it is not called as HTML files are.
    """
    if out.is_dir():
        raise ConfigError(
            f"the report cannot be written to {str(out)!r}: it is a folder, give a file such as report.html"
        )
    if out.suffix.lower() not in (".html", ".htm"):  # it may be a file of another kind, which would be overwritten
        raise ConfigError(
            f"the report cannot be written to {str(out)!r}: its name must end in .html or .htm, such as report.html"
        )
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"the report cannot be written to {str(out)!r}: there is no folder {str(out.parent)!r}")


def _fitting(tracker: Tracker, run: TrialRun, workspace: Workspace, *, embedding: bool) -> str:
    """The report with as much in it as fits or, where nothing does, with the least."""
    links = Links.of(tracker, run, workspace)
    html = ""
    # Limits are those of trials and samples: a benchmark's report is the same under all.
    for limits in STEPS[:1] if kind_of(run) == RunKind.BENCHMARK else STEPS:
        doing("reading the runs")
        page = page_of(tracker, run, links, limits, embedding=embedding)
        doing("drawing charts")
        with workspace.home.current():
            html = render(page)
        if len(html.encode()) <= LARGEST:
            break
    return html


def _own_file(run: TrialRun, workspace: Workspace) -> Path | None:
    """The file in the home folder, where that has a folder for the subject."""
    home, folder = workspace.home, workspace.home.run(run.run_id)
    with suppress(StudyError):  # a name that no study can have, from a store that others wrote
        if kind_of(run) == RunKind.BENCHMARK:
            folder = home.root / "benchmarks" / run.tags[schema.STUDY]
        elif kind_of(run) == RunKind.STUDY:
            folder = home.study(run.tags[schema.STUDY])
    return folder / FILE if folder.is_dir() else None


def _write(file: Path, html: str) -> None:
    try:
        write_whole(file, html)
    except OSError as error:
        raise ConfigError(f"the report cannot be written to {str(file)!r}: {system_reason(error)}") from error


def _log(tracker: Tracker, run_id: str, html: str, note: Callable[[str], None], *, must: bool) -> bool:
    doing("logging the report")
    with scratch_folder("report") as folder:
        (folder / FILE).write_text(html, encoding="utf-8")
        try:
            tracker.log_artifacts(run_id, folder, FOLDER)
        except TrackingError as error:
            if must:
                raise
            note(f"the report was not logged to its run: {error}")
            return False
    return True
