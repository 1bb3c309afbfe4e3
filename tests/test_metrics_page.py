"""`docs/metrics.md` lists every metric that a run logs, nothing else, and its range."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_features import write_features
from planted_classes import LEAVES, PAIRS, make_pairs, trial

from hmlc_ray.config.metrics import FIGURES
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.evaluation.decoding import DECODINGS
from hmlc_ray.runs.diagnose import diagnose_checkpoint
from hmlc_ray.training.fit import fit

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
LEVELS = ("kind", "species")
D, F, H = 8, 16, 2
TREE = {"level_names": LEVELS, "paths": [(f"k{pair}", leaf) for leaf, pair in zip(LEAVES, PAIRS, strict=True)]}
NAMES = {
    "<split>": "(val|test)",
    "<level>": f"({'|'.join((*LEVELS, 'leaf', 'mean'))})",
    "<level name>": f"({'|'.join(LEVELS)})",
    "<h>": "[0-9]+",
    "<k>": "[0-9]+",
    "<decoding>": f"({'|'.join(DECODINGS)})",
}
MORE: dict[str, list[dict[str, Any]]] = {
    "g-hmlc": [{"mask": mask, "warmup_epochs": 1, "refit_every": 1} for mask in ("mixture", "dirichlet", "random")],
    "cross-entropy": [{}, {"consistency_penalty": 0.1}],
}
"""Settings by objective beside its defaults, where others log something else."""


def rows() -> dict[str, tuple[float, float]]:
    """The range of every listed metric."""
    found = re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \| [^|]+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: _range(words) for name, words in found}


def _range(words: str) -> tuple[float, float]:
    if words == "any":
        return -math.inf, math.inf
    if words.startswith("at least "):
        return float(words.removeprefix("at least ")), math.inf
    low, _, high = words.partition(" to ")
    return float(low), float({"D": D, "F": F, "H": H}.get(high, high))


def pattern(name: str) -> str:
    parts = re.split(f"({'|'.join(map(re.escape, NAMES))})", name)
    return "".join(NAMES.get(part, re.escape(part)) for part in parts)


def logged(root: Path) -> Iterator[tuple[str, float]]:
    """Every metric of a run of each objective."""
    for kind in kinds(TrialConfig.model_fields["objective"]):
        for settings in MORE.get(kind, [{}]):
            values = trial(root, {"kind": "induced", "tree": TREE}).model_dump(mode="json")
            values["objective"] = {"kind": kind, **settings}
            values["training"]["epochs"] = 4 if kind == "g-hmlc" else 1
            yield from logged_by(TrialConfig.model_validate(values), test=kind == "supcon")
    yield from logged_by(with_open_set(root.parent / "table"), test=True)


def with_open_set(folder: Path) -> TrialConfig:
    """A run on a table of features with rows of no class."""
    lines = (write_features(folder, splits=True) / "labels.csv").read_text().splitlines()
    lines[:1], lines[-2:] = ["row,species,kind,split"], ["46,,,oos_val", "47,,,oos_test"]
    (folder / "labels.csv").write_text("\n".join(lines))
    values = trial(folder).model_dump(mode="json", include={"encoder", "head", "objective", "training", "evaluation"})
    return TrialConfig.model_validate({**values, "data": {"kind": "features", "file": str(folder)}})


def logged_by(config: TrialConfig, *, test: bool) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    result = fit(config, lambda record, snapshot: found.extend(record.metrics.items()), test=test)
    if config.objective.kind == "g-hmlc":
        found.extend(diagnose_checkpoint(result.checkpoint, result.data, config, split="test").metrics().items())
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_runs_log_is_what_the_page_lists_and_in_its_range(tmp_path: Path) -> None:
    listed = rows()
    patterns = {name: re.compile(pattern(name)) for name in listed}
    seen = set()
    for name, value in logged(make_pairs(tmp_path / "images")):
        matching = [row for row, known in patterns.items() if known.fullmatch(name)]
        assert len(matching) == 1, f"{name} is listed by {matching}"
        low, high = listed[matching[0]]
        assert low - 1e-6 <= value <= high + 1e-6, f"{name} is {value}"
        seen.add(matching[0])
    assert [name for name in listed if name not in seen] == []


def test_what_can_be_searched_for_is_in_the_first_table() -> None:
    first = PAGE.read_text(encoding="utf-8").partition("## The last evaluation")[0]
    assert re.findall(r"^\| `([^`]+)`", first, re.MULTILINE) == [
        f"{figure.replace('val/', '<split>/')}/<level>" for figure in FIGURES
    ]
