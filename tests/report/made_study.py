"""Studies that never ran: what a driver would have written into the store, in milliseconds."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker

SPACE: dict[str, Any] = {
    "study": {"name": "made", "num_trials": 20, "sampler": {"kind": "random"}, "scheduler": {"kind": "asha"}},
    "base": {"data": {"kind": "digits"}},
    "space": {
        "objective.temperature": {"float": [0.05, 0.5], "log": True},
        "objective.level_weights": {"simplex": "levels"},
        "objective": {
            "branch": {
                "g-hmlc": {"mixture_components": {"int": [2, 6]}},
                "a-hmlc": {"attention_temperature": {"float": [0.5, 2.0]}},
            }
        },
    },
}
HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    '<img src=x onerror="window.pwned = 2">',
    "{{ 7 * 7 }} {% include 'x' %}",
    "\"' onmouseover='window.pwned = 3' x=\"",
    "javascript:window.pwned = 4",
    "<!--<script>",
    "Ünïcödé 数字 \u2028 &amp; \U0001f600",
)
"""Names that a folder can have."""


def params_of(number: int) -> dict[str, Any]:
    """The searched parameters of a trial."""
    kind = ("g-hmlc", "a-hmlc")[number % 2]
    own = {"objective[g-hmlc].mixture_components": 2 + number % 5} if kind == "g-hmlc" else {}
    own |= {"objective[a-hmlc].attention_temperature": 0.5 + (number % 7) / 5} if kind == "a-hmlc" else {}
    temperature = 0.05 * 1.1 ** (number % 24)
    return {
        "objective.kind": kind,
        "objective.temperature": temperature,
        "objective.level_weights.stick0": number % 9 / 9,
        **own,
    }


@dataclass
class MadeStudy:
    """A study in a store."""

    tracker: Tracker
    workspace: Workspace
    taxonomy: Taxonomy
    space: dict[str, Any] = field(default_factory=lambda: SPACE)
    run_id: str = ""

    def __post_init__(self) -> None:
        sweep = SweepConfig.model_validate(self.space)
        self.name = sweep.study.name
        save_study(sweep, self.workspace.home)
        params = {f"study.{name}": value for name, value in sweep.study.model_dump(mode="json").items()}
        self.run_id = self.tracker.study_run(self.name, tags={schema.SEED: 0}, params=params)

    def trial(
        self,
        number: int,
        status: str,
        value: float | None = None,
        *,
        error: str = "",
        params: Mapping[str, Any] | None = None,
    ) -> str:
        """A trial with a history of two evaluations; `status` as its tag has it."""
        searched = params_of(number)
        known = {
            "seed": 0,
            "objective.kind": searched["objective.kind"],
            "objective.temperature": searched["objective.temperature"],
        }
        tags: dict[str, Any] = {schema.SEARCHED: json.dumps(searched), schema.SEED: 0}
        run_id = self.tracker.trial_run(
            self.run_id, str(number), name=f"{self.name}-{number:04d}", params={**known, **(params or {})}, tags=tags
        )
        if value is not None:
            self.evaluated(run_id, 5, value - 0.1)
            self.evaluated(run_id, 10, value)
        if status == "running":
            return run_id
        ended = {"completed": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "killed": "KILLED"}[status]
        outcome: dict[str, Any] = {schema.STATUS: status}
        if value is not None:
            outcome |= {schema.VALUE: repr(value), schema.EPOCHS: 10, schema.SECONDS: "1.500"}
        self.tracker.finish(run_id, ended, outcome | ({schema.ERROR: error} if error else {}))  # type: ignore[arg-type]
        return run_id

    def evaluated(self, run_id: str, epoch: int, value: float, split: str = "val") -> None:
        """The metrics of an evaluation."""
        metrics = {f"{split}/probe_top1/mean": value, "train/loss": 2 - value}
        for h, level in enumerate(self.taxonomy.level_names):
            metrics |= {
                f"{split}/{name}/{level}": value - 0.01 * h for name in ("probe_top1", "knn_top1", "probe_converged")
            }
            metrics[f"train/loss/{level}"] = 1 - value
        self.tracker.log(run_id, [(epoch, metrics)])

    def encoder(self, run_id: str, folder: Path, *, masks: bool = True, wrong: int = 1) -> None:
        """What a run logs of its encoder, but for the weights: tree, confusions, masks."""
        log_encoder(self.tracker, run_id, self.taxonomy, folder, masks=masks, wrong=wrong)


def log_encoder(
    tracker: Tracker, run_id: str, taxonomy: Taxonomy, folder: Path, *, masks: bool = True, wrong: int = 1
) -> None:
    """Log the tree, and a confusion matrix in which each class is taken for the next one so many times."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "taxonomy.json").write_text(json.dumps(taxonomy.to_dict()), encoding="utf-8")
    (folder / "confusion").mkdir()
    for h, names in enumerate(taxonomy.class_names):
        _write_matrix(folder / "confusion" / f"val-{h}-level.csv", names, wrong)
    if masks:
        rows = [[d, *(float(d % len(taxonomy.level_names) == h) for h in range(taxonomy.num_levels))] for d in range(8)]
        _write(folder / "masks.csv", ["dimension", *taxonomy.level_names], rows)
        points = {f"mask/dims/{h}": 4.0 for h in range(taxonomy.num_levels)} | {"mask/overlap": 0.1}
        tracker.log(run_id, [(2, points), (4, points | {"mask/stability": 0.9})])
    tracker.log_artifacts(run_id, folder)


def _write_matrix(file: Path, names: Sequence[str], wrong: int) -> None:
    size = len(names)
    if size > 1000:
        cells = [(c, c, 3) for c in range(size)] + [(c, (c + 1) % size, wrong) for c in range(size)]
        _write(
            file,
            ["true", "predicted", "count"],
            [[names[one], names[other], count] for one, other, count in sorted(cells)],
        )
        return
    rows = [[9 if c == r else wrong if c == (r + 1) % size else 0 for c in range(size)] for r in range(size)]
    _write(file, ["true \\ predicted", *names], [[name, *row] for name, row in zip(names, rows, strict=True)])


def _write(file: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header, *rows])


def tree(*, levels: int = 2, names: Sequence[str] = ("ant", "bee", "cat", "dog")) -> Taxonomy:
    """A tree whose leaves have these names, two leaves to a parent."""
    level_names = [f"level {h}" for h in range(levels)]
    paths = []
    for number, name in enumerate(names):
        paths.append([f"group {number >> (levels - 1 - h)} at {h}" for h in range(levels - 1)] + [name])
    return Taxonomy.from_paths(level_names, paths)


def made(tracker: Tracker, root: Path, **options: Any) -> MadeStudy:
    """A study in the embedded store of a home folder."""
    return MadeStudy(tracker, Workspace(Home.of(root)), options.pop("taxonomy", tree()), **options)
