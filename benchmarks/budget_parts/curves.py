"""Learning curves of random configurations, as they are kept in benchmarks/results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass(frozen=True)
class Curve:
    """One configuration, trained to its end."""

    params: dict[str, Any]
    """What was drawn: the study's parameters by name."""
    values: tuple[float, ...]
    """The searched metric on validation after every epoch."""
    seconds: tuple[float, ...]
    """Wall time of every epoch, its evaluation included."""


@dataclass(frozen=True)
class CurveSet:
    """The curves of one search space."""

    facts: dict[str, Any]
    """What they are of: the search space's name and overrides, the metric, the machine, the date."""
    curves: tuple[Curve, ...]

    @property
    def epochs(self) -> int:
        return len(self.curves[0].values)

    def write(self, file: Path) -> None:
        lines = [json.dumps(self.facts), *(json.dumps(asdict(curve)) for curve in self.curves)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(file: Path) -> CurveSet:
    """The curves of a file."""
    facts, *rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return CurveSet(facts, tuple(Curve(row["params"], tuple(row["values"]), tuple(row["seconds"])) for row in rows))


def rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Metrics and seconds, with as many digits as the file keeps."""
    return tuple(round(value, 4) for value in values)


def short(value: Any) -> Any:
    """A parameter, with as many digits as the file keeps."""
    return float(f"{value:.5g}") if isinstance(value, float) else value
