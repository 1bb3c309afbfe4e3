"""Writes the tables of `docs/runs.md` from `hmlc_ray/study/schema/tags.py`: `python docs/run_tags.py`."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

from written import rewritten, table

from hmlc_ray.study import schema
from hmlc_ray.study.schema import StudyStatus, TrialStatus, statuses
from hmlc_ray.study.schema import tags as schema_tags

PAGE = Path(__file__).with_name("runs.md")
MARK = "<!-- tables: written by docs/run_tags.py -->\n"
_TAG = re.compile(r"On (?P<runs>.+?), by (?P<writer>.+?): (?P<values>.+)\.")


def tags() -> dict[str, tuple[str, str, str]]:
    """On which runs each constant of the vocabulary is, who writes it, and with which values; by its name.

    Raises:
        ValueError: if a docstring does not say so.
    """
    body = ast.parse(Path(schema_tags.__file__).read_text(encoding="utf-8")).body
    found: dict[str, tuple[str, str, str]] = {}
    for node, text in pairwise(body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(text, ast.Expr):
            name = node.targets[0].id
            if str(vars(schema)[name]).startswith(("hmlc.", "mlflow.")):
                match = _TAG.fullmatch(" ".join(ast.literal_eval(text.value).split()))
                if match is None:
                    raise ValueError(f"the docstring of {name} does not read `On RUNS, by MODULE: VALUES.`")
                found[name] = (match["runs"], match["writer"], match["values"])
    return found


def tables() -> str:
    """The generated part of the page."""
    known = {name: (f"`{vars(schema)[name]}`", *said) for name, said in tags().items()}
    runs = [row for name, row in known.items() if not name.startswith("JOB_")]
    jobs = [(row[0], *row[2:]) for name, row in known.items() if name.startswith("JOB_")]
    trials = [(_code(s), _code(s.tag), _code(s.mlflow), _code(s.optuna), _tune(s)) for s in TrialStatus]
    studies = [(_code(s), _names(statuses._STUDY_OF_MLFLOW, s), _names(statuses._STUDY_OF_JOB, s)) for s in StudyStatus]
    return "\n\n".join(
        [
            "## Tags",
            table(("tag", "on", "written by", "value"), runs),
            "## Statuses of trials",
            table(("status", "`hmlc.status`", "MLflow", "Optuna", "Tune"), trials),
            "## Statuses of studies",
            table(("status", "MLflow", "Ray Jobs"), studies),
            "## Metadata of jobs",
            table(("key", "written by", "value"), jobs),
        ]
    )


def _code(text: str) -> str:
    return f"`{text}`"


def _tune(status: TrialStatus) -> str:
    return _names(statuses._OF_TUNE, TrialStatus.COMPLETED if status == TrialStatus.PRUNED else status)


def _names(table: dict[str, TrialStatus] | dict[str, StudyStatus], status: TrialStatus | StudyStatus) -> str:
    return ", ".join(_code(name) for name, known in table.items() if known == status)


def page() -> str:
    """The whole page, with its tables made again."""
    return rewritten(PAGE, MARK, tables())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
