"""What a sweep or a run reports, while it runs and at its end. Plain data: the command line prints it without loading
torch, ray or mlflow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.study.schema import TrialStatus

_MEAN = "{}/probe_top1/mean"


@dataclass(frozen=True)
class TrialRow:
    """One trial of a sweep."""

    number: int
    trial_id: str
    status: TrialStatus
    value: float | None
    """The last value of the objective metric; None where none was reported."""
    epochs: int
    params: dict[str, object]
    """What was searched: the study's parameter names and values."""
    run_id: str
    """Id of the MLflow run."""
    error: str | None = None
    seconds: float | None = None
    """Wall time."""


@dataclass(frozen=True)
class CheckpointBytes:
    """Bytes of the checkpoints of a study's trials."""

    held: int
    freed: int


@dataclass(frozen=True)
class SweepSummary:
    """A sweep at its end."""

    study: str
    objective_metric: str
    mode: Literal["max", "min"]
    rows: list[TrialRow]
    best: TrialRow | None
    """None where no trial completed."""
    level_names: tuple[str, ...]
    tracking_uri: str
    wall_seconds: float = 0.0
    """Wall time of the whole call, with what it loads, see `api.timing`; 0 before the call has ended."""
    test_metrics: dict[str, float] | None = None
    """Metrics of the refit, or of the best trial evaluated on test: `test/...`."""
    export_dir: Path | None = None
    checkpoints: CheckpointBytes | None = None

    def __repr__(self) -> str:
        """The outcome in a line; the rows are a table's worth."""
        parts = [_many(len(self.rows), "trial")]
        parts += [f"{count} {status}" for status, count in Counter(row.status for row in self.rows).items()]
        if self.best is not None and self.best.value is not None:
            parts.append(f"best: trial {self.best.number}, {self.objective_metric} {self.best.value:.4f}")
        return f"SweepSummary({self.study!r}: {', '.join(parts)})"

    def lasting(self, seconds: float) -> SweepSummary:
        """The same with its wall time."""
        return replace(self, wall_seconds=seconds)


@dataclass(frozen=True)
class RunSummary:
    """A single run at its end."""

    run_id: str
    metrics: dict[str, float]
    """The last evaluation: `val/...`, and `test/...` where the test split was evaluated."""
    level_names: tuple[str, ...]
    checkpoint_dir: Path | None
    export_dir: Path | None
    epochs: int
    seconds: float = 0.0
    """Wall time, see `SweepSummary`."""

    def __repr__(self) -> str:
        """The outcome in a line; the metrics are a table's worth."""
        means = "".join(
            f", {name} {self.metrics[name]:.4f}" for name in map(_MEAN.format, ("val", "test")) if name in self.metrics
        )
        return f"RunSummary({self.run_id!r}: {_many(self.epochs, 'epoch')}, {self.seconds:.0f} s{means})"

    def lasting(self, seconds: float) -> RunSummary:
        """The same with its wall time."""
        return replace(self, seconds=seconds)


@dataclass(frozen=True)
class BestTrial:
    """The winner of a study."""

    row: TrialRow
    config: TrialConfig
    metrics: dict[str, float]

    def __repr__(self) -> str:
        """The trial in a line; the configuration and the metrics are tables' worth."""
        value = "none" if self.row.value is None else f"{self.row.value:.4f}"
        return f"BestTrial(trial {self.row.number}: {value} after {_many(self.row.epochs, 'epoch')}, {self.row.params})"


@dataclass(frozen=True)
class BestSoFar:
    """The best of the trials that are complete."""

    number: int
    value: float
    run_id: str
    """Id of the MLflow run."""


@dataclass(frozen=True)
class SweepCounts:
    """Progress of a running sweep; trials that have not started are in `total` alone."""

    total: int
    running: int = 0
    completed: int = 0
    pruned: int = 0
    failed: int = 0
    best: float | None = None

    @property
    def done(self) -> int:
        return self.completed + self.pruned + self.failed


class SweepProgress(Protocol):
    """A live view of a sweep."""

    def update(self, counts: SweepCounts) -> None:
        """Called whenever a trial starts, reports or ends."""

    def note(self, text: str) -> None:
        """Show one line about what happens now, e.g. `connecting to Ray` or `refit on train + validation`."""


class RunProgress(Protocol):
    """A live view of one run."""

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        """Called after every epoch: `epoch` of `total` are done. `metrics` has `train/loss`, `train/loss/<level>`,
        `train/images_per_second` and, where it was evaluated, `val/...`."""

    def note(self, text: str) -> None:
        """Show one line about what happens now."""


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
