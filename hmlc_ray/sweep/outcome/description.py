"""A study in Markdown, for the description of its run: what was searched, what came out, how to reproduce it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.names.cells import table_row
from hmlc_ray.names.counts import many
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.names.uris import typed_uri
from hmlc_ray.study.commands import Value, command
from hmlc_ray.study.leaderboard import completed, ranked
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.outcome.searched import short, short_values
from hmlc_ray.tracking import TrialRun
from hmlc_ray.tracking.drivers import JOB_VARIABLE

_MOST_ROWS, _MOST_DIMENSIONS, _MOST_CHARACTERS = 10, 30, 7500
"""What a tag of MLflow's holds, with room to spare."""
_OBJECTIVE_KIND = "objective.kind"


@dataclass(frozen=True)
class Outcome:
    """A study with its trials, at its end or, without a best trial, before it."""

    sweep: SweepConfig
    data: DataSet
    workspace: Workspace
    experiment: str
    """Id of the experiment."""
    rows: Sequence[TrialRow] = ()
    runs: Mapping[int, TrialRun] | None = None
    best: TrialRow | None = None
    test_metrics: Mapping[str, float] | None = None
    encoder_run: str | None = None
    model: str | None = None
    """`NAME/VERSION` of the registered model."""

    @property
    def levels(self) -> tuple[str, ...]:
        return self.data.taxonomy.level_names


def describe(outcome: Outcome) -> str:
    """The description of the study's run."""
    parts = [_summary(outcome), _results(outcome), _searched(outcome), _ranking(outcome), _use(outcome)]
    text = ""
    for part in filter(None, parts):
        if len(text) + len(part) > _MOST_CHARACTERS:
            break
        text += f"{part}\n\n"
    return text.rstrip() + "\n"


def _summary(outcome: Outcome) -> str:
    study, data = outcome.sweep.study, outcome.data
    splits = {"train": data.train, "validation": data.val, "test": data.test}
    counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.items() if split is not None)
    levels = " → ".join(
        f"{_plain(level)} ({len(names)})"
        for level, names in zip(outcome.levels, data.taxonomy.class_names, strict=True)
    )
    statuses = [row.status for row in outcome.rows]
    ended = ", ".join(f"{statuses.count(status)} {status}" for status in TrialStatus if status in statuses)
    of = f"{many(len(statuses), 'trial')} ({ended})" if statuses else many(study.num_trials, "trial")
    config = outcome.sweep.base_trial()
    return (
        f"{of} on **{_plain(data_name(config.data))}**: {counts} samples; levels {levels}. "
        f"The {'largest' if study.mode == 'max' else 'smallest'} {_code(study.objective_metric)} wins."
    )


def _results(outcome: Outcome) -> str:
    """The best trial per level on validation, and what the study's encoder has on test."""
    best, runs = outcome.best, outcome.runs or {}
    if best is None or best.number not in runs:
        return ""
    family = outcome.sweep.study.objective_metric.rpartition("/")[0].partition("/")[2]
    twins = [runs[row.number] for row in _other_seeds(best, outcome.rows) if row.number in runs]
    lines = [
        f"### Best: {_link(outcome, best)}",
        "",
        table_row("level", f"{family}, validation", f"{family}, test"),
        "|---|---|---|",
    ]
    for level in (*outcome.levels, "mean"):
        values = [run.metrics.get(metric_key(f"val/{family}/{level}")) for run in twins]
        test = (outcome.test_metrics or {}).get(f"test/{family}/{level}")
        lines.append(table_row(_cell(level), _interval(values), "" if test is None else f"{100 * test:.1f} %"))
    if len(twins) > 1:
        lines += ["", f"Mean and 95 % interval over {many(len(twins), 'seed')} of the best configuration."]
    if outcome.encoder_run and outcome.encoder_run != best.run_id:
        lines += ["", f"Test: its [refit on train + validation]({_url(outcome, outcome.encoder_run)})."]
    return "\n".join(lines)


def _other_seeds(best: TrialRow, rows: Sequence[TrialRow]) -> list[TrialRow]:
    """The completed trials that differ from the best one by the seed alone, and that one."""
    own = {name: value for name, value in best.params.items() if name != "seed"}
    return [
        row
        for row in rows
        if row.number == best.number
        or (
            row.status == TrialStatus.COMPLETED
            and "seed" in row.params
            and {name: value for name, value in row.params.items() if name != "seed"} == own
        )
    ]


def _interval(values: Sequence[float | None]) -> str:
    """The mean in per cent, with its 95 % interval by Student's t where there are several values."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return ""
    if len(known) == 1:
        return f"{known[0]:.1f} %"
    from scipy.stats import t

    half = float(t.ppf(0.975, len(known) - 1)) * stdev(known) / sqrt(len(known))
    return f"{mean(known):.1f} % ± {half:.1f}"


def _searched(outcome: Outcome) -> str:
    sweep = outcome.sweep
    if sweep.points:
        return f"{many(len(sweep.points), 'listed trial')}."
    space = sweep.search_space()
    shown = {f"{section}.kind": ", ".join(branch) for section, branch in space.branches.items()}
    shown |= {name: str(d) for chosen in space.assignments() for name, _, d in space.dimensions(chosen)}
    best = {} if outcome.best is None else outcome.best.params
    lines = ["### Searched", "", table_row("parameter", "values", "best"), "|---|---|---|"]
    for name, words in list(shown.items())[:_MOST_DIMENSIONS]:
        chosen = short_values(
            {key: best[key] for key in best if key == name or key.startswith(f"{name}.stick")}, outcome.levels
        )
        values = ", ".join(_number(value) for value in chosen.values())
        lines.append(table_row(_code(name), _cell(words), _cell(values)))
    return "\n".join(lines)


def _ranking(outcome: Outcome) -> str:
    study, done = outcome.sweep.study, completed(outcome.rows)
    best = ranked(done, study.mode)[:_MOST_ROWS]
    if not best:
        return ""
    lines = [
        f"### The best {len(best)} of {many(len(done), 'completed trial')}",
        "",
        table_row("trial", _cell(study.objective_metric), ""),
        "|---|---|---|",
    ]
    for row in best:
        params = short_values(row.params, outcome.levels)
        words = ", ".join(f"{short(name)} {_number(value)}" for name, value in params.items())
        lines.append(table_row(_link(outcome, row, "&nbsp;"), f"{row.value:.4f}", _cell(words)))
    return "\n".join(lines)


def _use(outcome: Outcome) -> str:
    """The commands that reproduce the best trial and continue the study, and the encoder in Python."""
    name, options = outcome.sweep.study.name, _options(outcome.workspace)
    lines = []
    if outcome.best is not None:
        again = command("best", name, emit_config="best.yaml", **options)
        lines += ["### Reproduce the best trial", "", "```", again, command("train", "best.yaml", **options), "```"]
    else:
        # A job's driver runs on the cluster: a study is resumed there, by its Jobs API.
        where: dict[str, Value] = {"address": "http://HEAD:8265"} if os.environ.get(JOB_VARIABLE) else options
        lines += ["### Resume it", "", "```", command("resume", name, **where), "```"]
    if outcome.model is not None:
        registered = outcome.model.partition("/")[0]
        lines += [
            "",
            "### Use the encoder",
            "",
            "```python",
            f'mlflow.pytorch.load_model("models:/{registered}@best")',
            "```",
        ]
    return "\n".join(lines)


def _options(workspace: Workspace) -> dict[str, Value]:
    """The options that lead a command to the study from wherever its description is read."""
    options: dict[str, Value] = {"home": workspace.home.root}
    return options | ({"tracking_uri": typed_uri(workspace.tracking_uri)} if workspace.tracking_uri else {})


def _link(outcome: Outcome, row: TrialRow, space: str = " ") -> str:
    return f"[trial{space}{row.number}]({_url(outcome, row.run_id)})"


def _url(outcome: Outcome, run_id: str) -> str:
    """Within MLflow's interface, wherever its server is."""
    return f"#/experiments/{outcome.experiment}/runs/{run_id}?workflowType=machine_learning"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    """Text that ends no cell of a table."""
    return _plain(text).replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    """A name as code, which Markdown leaves as it is."""
    return f"`{text}`" if text.isprintable() and not {"`", "|"} & {*text} else _plain(text)


def _plain(text: str) -> str:
    """A name of the user's, without what Markdown or HTML would make of it."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>" else c if c.isprintable() else "?" for c in text)
