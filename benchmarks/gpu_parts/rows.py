"""Rows of results: how they are measured, kept and shown."""

from __future__ import annotations

import gc
import hashlib
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import hmlc_ray
from gpu_parts.clock import synchronise

Values = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where and how large the rows are measured."""

    device: torch.device
    quick: bool
    """Small, as on a CPU: the figures mean nothing, that they come out is the test."""
    data: Path | None
    deadline: float
    """Of `time.monotonic`."""
    epochs: int | None = None
    """Of the part `evidence`; None: as many as there is time for."""
    measured: dict[tuple[str, str], Values] = field(default_factory=dict)
    """The values of rows that are measured, by part and name, for rows that follow from them."""

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def synchronise(self) -> None:
        synchronise(self.device)

    @cached_property
    def hardware(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"


@dataclass(frozen=True)
class Row:
    """One measurement."""

    part: str
    name: str
    measure: Callable[[Bench], Values]
    """May hold `ok`, False where what was measured is wrong."""
    seconds: float = 10.0
    """About what it takes on a GPU."""
    skip: str | None = None
    """Why it cannot be measured here."""


def run_row(row: Row, bench: Bench) -> dict[str, Any]:
    """Measure one row; what goes wrong is part of the result."""
    start = time.perf_counter()
    try:
        outcome: dict[str, Any] = {"values": row.measure(bench)}
    except Exception as error:  # the other rows are worth having
        outcome = {"values": {}, "error": f"{type(error).__name__}: {error}"}
    gc.collect()
    if bench.device.type == "cuda":
        torch.cuda.empty_cache()
    return {"seconds": round(time.perf_counter() - start, 2), **outcome}


@dataclass
class Ledger:
    """The results file."""

    file: Path
    bench: Bench
    entries: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """Of this device, these sources and this PyTorch, by part and name."""

    def __post_init__(self) -> None:
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                if {name: entry[name] for name in self._place} == self._place:
                    self._note(entry)

    @cached_property
    def _place(self) -> dict[str, str]:
        return {"hardware": self.bench.hardware, "torch": torch.__version__, "sources": _sources()}

    def has(self, row: Row) -> bool:
        return not self.entries.get((row.part, row.name), {"error": "missing"}).get("error")

    def add(self, row: Row, outcome: dict[str, Any]) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        entry = {"part": row.part, "row": row.name, "date": now, **self._place, **outcome}
        self._note(entry)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def _note(self, entry: dict[str, Any]) -> None:
        self.entries[entry["part"], entry["row"]] = entry
        if not entry.get("error"):
            self.bench.measured[entry["part"], entry["row"]] = entry["values"]


def table(ledger: Ledger) -> str:
    """All rows as Markdown."""
    lines = ["", "| part | row | |", "|---|---|---|"]
    for (part, name), entry in ledger.entries.items():
        shown = entry.get("error") or ", ".join(f"{key} {_shown(value)}" for key, value in entry["values"].items())
        lines.append(f"| {part} | {name} | {shown} |")
    return "\n".join(lines)


def median_seconds(step: Callable[[], Any], bench: Bench, *, repeats: int, rounds: int = 5) -> float:
    """The median over rounds of the seconds that one of `repeats` steps takes, after two to warm up."""
    step()
    step()
    times = []
    for _ in range(rounds):
        bench.synchronise()
        start = time.perf_counter()
        for _ in range(repeats):
            step()
        bench.synchronise()
        times.append((time.perf_counter() - start) / repeats)
    return statistics.median(times)


@contextmanager
def data_of(data: Any) -> Iterator[None]:
    """`fit` trains on `data`, a DataSet, whatever its configuration names."""
    from hmlc_ray.training import fit

    usual = fit.cached_data
    fit.cached_data = lambda config: data
    try:
        yield
    finally:
        fit.cached_data = usual


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _sources() -> str:
    """A hash of the package and of these parts."""
    digest = hashlib.sha256()
    for folder in (Path(hmlc_ray.__file__).parent, Path(__file__).parent):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
