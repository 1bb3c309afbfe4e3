"""The trials of a study: ranked, over time, and over epochs."""

from __future__ import annotations

from hmlc_ray.names.counts import many
from hmlc_ray.report.charts.search import curves_chart, history_chart
from hmlc_ray.report.content.search import base_name, shown
from hmlc_ray.report.content.study import StudyContent
from hmlc_ray.report.limits import Limits
from hmlc_ray.report.links import Links
from hmlc_ray.report.page.blocks import Block, Cell, Chart, Section, Table, Text
from hmlc_ray.study.summary import TrialRow

_MOST_COLUMNS = 12


def trials_section(study: StudyContent, links: Links, limits: Limits) -> Section:
    """The ranked table, the history of the search and the learning curves."""
    if not study.rows:
        return Section("trials", "Trials", (Text("No trial has started yet."),))
    return Section("trials", "Trials", (*_table(study, links, limits), *_charts(study, limits)))


def _table(study: StudyContent, links: Links, limits: Limits) -> list[Block]:
    rows = study.rows[: limits.trials]
    names = [parameter.name for parameter in study.parameters]
    kept = _kept(names, study)
    cells = tuple((place, *_row(row, study, links, kept)) for place, row in enumerate(rows, start=1))
    columns = (
        "rank",
        "trial",
        "status",
        study.metric,
        *study.level_names,
        *kept,
        "epochs",
        "time, s",
        "MLflow run",
        "error",
    )
    blocks: list[Block] = [Table("Trials, best first", columns, cells, sortable=True)]
    if len(rows) < len(study.rows):
        blocks.append(Text(f"{many(len(study.rows) - len(rows), 'more trial')} are in MLflow alone.", "note"))
    if len(kept) < len(names):
        blocks.append(
            Text(f"{many(len(names) - len(kept), 'more parameter')} of each trial are in MLflow alone.", "note")
        )
    if not links.is_server:
        blocks.append(Text(f"Runs are opened by `{links.ui()}`, under the id that the table shows.", "note"))
    return blocks


def _kept(names: list[str], study: StudyContent) -> list[str]:
    """The parameters that have a column: the most important ones where there are many."""
    if len(names) <= _MOST_COLUMNS or study.importances is None:
        return names[:_MOST_COLUMNS]
    order = {name: position for position, name in enumerate(study.importances.shares)}
    kept = sorted(names, key=lambda name: order.get(base_name(name), len(order)))[:_MOST_COLUMNS]
    return [name for name in names if name in kept]


def _row(row: TrialRow, study: StudyContent, links: Links, names: list[str]) -> tuple[Cell, ...]:
    params, accuracies = shown(row.params), study.accuracies.get(row.number, {})
    return (
        row.number,
        row.status.value,
        row.value,
        *(accuracies.get(level) for level in study.level_names),
        *(params.get(name) for name in names),
        row.epochs or None,
        None if row.seconds is None else round(row.seconds, 1),
        links.run(row.run_id),
        row.error,
    )


def _charts(study: StudyContent, limits: Limits) -> list[Block]:
    rows = study.rows[: limits.trials]
    blocks: list[Block] = []
    if any(row.value is not None for row in rows):
        blocks += [
            Chart(
                "History of the search",
                _history_words(study),
                history_chart(rows, study.metric, study.sweep.study.mode),
            ),
        ]
    if study.curves:
        best = None if study.best is None else study.best.number
        blocks += [
            Chart("Learning curves", _curve_words(study), curves_chart(study.curves, study.metric, best)),
        ]
    return blocks


def _history_words(study: StudyContent) -> str:
    text = (
        f"{study.metric} of each trial in the order of the search; the dashed line is the best completed trial so far."
    )
    if study.best is not None:
        text += f" The last best one is trial {study.best.number}."
    return text


def _curve_words(study: StudyContent) -> str:
    shown_ = (
        f"each of {len(study.curves)} of {many(len(study.rows), 'trial')}"
        if len(study.curves) < len(study.rows)
        else "every trial"
    )
    longest = max(curve.points[-1][0] for curve in study.curves)
    return (
        f"{study.metric} over epochs, a line for {shown_}, up to epoch {longest}; the thick line is the best "
        "trial. Pruned trials end where the scheduler stopped them."
    )
