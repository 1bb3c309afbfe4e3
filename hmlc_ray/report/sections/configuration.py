"""How it was configured and where it came from."""

from __future__ import annotations

from collections.abc import Mapping

from hmlc_ray.report.content.origin import environment, origin_of
from hmlc_ray.report.content.search import shown
from hmlc_ray.report.content.study import StudyContent
from hmlc_ray.report.page.blocks import Block, Cell, Section, Table, Text
from hmlc_ray.tracking import TrialRun

_NAMES = ("key", "value")


def study_configuration(study: StudyContent) -> Section:
    """What was searched first, then every key of the best trial and of the study."""
    best = {} if study.best is None else shown(study.best.params)
    rows: list[tuple[Cell, ...]] = [(own.name, own.range, best.get(own.name)) for own in study.parameters]
    blocks: list[Block] = []
    if rows:
        heading = "best trial" if study.best is None else f"trial {study.best.number} (best)"
        blocks.append(Table("What was searched", ("parameter", "range", heading), tuple(rows)))
    if study.best_run is not None:
        blocks.append(_all("Every key of the best trial", study.best_run.params))
    blocks.append(_all("The study", study.run.params))
    return Section("configuration", "Configuration", tuple(blocks))


def run_configuration(run: TrialRun) -> Section:
    """Every key of a run."""
    if not run.params:
        return Section("configuration", "Configuration", (Text("The run logged no configuration."),))
    return Section("configuration", "Configuration", (_all("Every key of the run", run.params),))


def _all(caption: str, params: Mapping[str, str]) -> Table:
    return Table(caption, _NAMES, tuple(sorted(params.items())), folded=True)


def origin_section(*runs: tuple[str, TrialRun]) -> Section:
    """Where the runs came from, and what the report was made with.

    Args:
        runs: captions and runs.
    """
    tables = [Table(caption, ("of", "value"), origin_of(run)) for caption, run in runs]
    made = Table("This report", ("of", "value"), environment())
    return Section("origin", "Origin and versions", (*tables, made))
