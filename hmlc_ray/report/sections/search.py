"""What the searched parameters did."""

from __future__ import annotations

from hmlc_ray.names.counts import many
from hmlc_ray.report.charts.search import importance_chart, parallel_chart, slice_chart
from hmlc_ray.report.content.search import MOST_PARAMETERS, Importances, Parameter, base_name
from hmlc_ray.report.content.study import StudyContent
from hmlc_ray.report.limits import Limits
from hmlc_ray.report.page.blocks import Block, Chart, Section, Table, Text
from hmlc_ray.report.sections.words import listed, percent

_MOST_SLICES = 8
_MOST_AXES = 7


def search_section(study: StudyContent, limits: Limits) -> Section | None:
    """Importances, parallel coordinates and slices; None where nothing was searched or no trial has a value."""
    rows = [row for row in study.rows[: limits.trials] if row.value is not None]
    drawn = [parameter for parameter in _ordered(study) if len(set(parameter.values.values())) > 1]
    if not rows or not drawn:
        return None
    blocks: list[Block] = [*_importances(study.importances)]
    if len(rows) > 1:
        axes = drawn[:_MOST_AXES]
        words = (
            f"A line for each trial through {listed([parameter.name for parameter in axes])} and {study.metric}. Each "
            "axis goes from the smallest to the largest value that was tried, choices in alphabetical order."
        )
        blocks += [
            Chart("Parallel coordinates", words, parallel_chart(axes, rows, study.metric)),
        ]
    for parameter in drawn[:_MOST_SLICES]:
        spec = slice_chart(parameter, rows, study.accuracies, study.level_names, study.metric)
        blocks.append(Chart(parameter.name, _slice_words(parameter, study), spec))
    if len(drawn) > _MOST_SLICES:
        rest = listed([parameter.name for parameter in drawn[_MOST_SLICES:]])
        blocks.append(Text(f"Not drawn: {rest}; their values are in the table of trials.", "note"))
    return Section("search", "What the parameters did", tuple(blocks))


def _ordered(study: StudyContent) -> list[Parameter]:
    """The parameters, the most important first."""
    shares = {} if study.importances is None else study.importances.shares
    order = {name: position for position, name in enumerate(shares)}
    return sorted(study.parameters, key=lambda own: order.get(base_name(own.name), len(order)))[:MOST_PARAMETERS]


def _importances(found: Importances | None) -> list[Block]:
    if found is None:
        return [Text("There are too few trials to say which parameters matter.", "note")]
    basis = (
        f"from {many(found.trials, 'completed trial')}"
        if found.evaluation is None
        else f"from the first evaluation of {many(found.trials, 'trial')}, because few trials were completed"
    )
    leading = [f"{name} {percent(share)}" for name, share in list(found.shares.items())[:3]]
    words = (
        f"Importance of each parameter by Optuna's PED-ANOVA, {basis}: how far its values among the best tenth of the "
        f"trials differ from those of all. The largest: {listed(leading)}."
    )
    rows = tuple((name, percent(share)) for name, share in found.shares.items())
    careful = "Importances from fewer than 30 trials change much with every further trial."
    return [
        Chart("Importance of the parameters", words, importance_chart(found)),
        *([Text(careful, "note")] if found.trials < 30 else []),
        Table("Importances as a table", ("parameter", "importance"), rows, folded=True),
    ]


def _slice_words(parameter: Parameter, study: StudyContent) -> str:
    scale = " on a logarithmic axis" if parameter.log else ""
    searched = f" Searched: {parameter.range}." if parameter.range else ""
    best = "" if study.best is None else parameter.values.get(study.best.number, "")
    own = "" if best == "" else f" The best trial has {best if isinstance(best, str) else format(best, '.4g')}."
    return (
        f"{parameter.name}{scale} against {study.metric} or, by the choice above the chart, the accuracy at one level, "
        f"a mark for each trial.{searched}{own}"
    )
