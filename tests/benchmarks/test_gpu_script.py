"""benchmarks/gpu.py, on the CPU: it runs where only PyTorch is installed, and resumes from its results."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from gpu import advance  # noqa: E402
from gpu_parts.rows import Bench, Ledger, Row, Values  # noqa: E402

ABSENT = ("ray", "optuna", "mlflow", "sqlalchemy", "trimesh", "loky", "matplotlib", "rich", "typer")
"""What a machine that has PyTorch, torchvision, scikit-learn and pydantic need not have."""
BARE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT!r}))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bench(minutes: float = 1.0) -> Bench:
    return Bench(torch.device("cpu"), quick=True, data=None, deadline=time.monotonic() + 60 * minutes)


def test_only_rows_that_are_missing_and_for_which_there_is_time_are_measured(tmp_path: Path) -> None:
    measured: list[str] = []
    broken = True

    def good(_: Bench) -> Values:
        measured.append("good")
        return {"ms": 1.0}

    def flaky(_: Bench) -> Values:
        measured.append("flaky")
        if broken:
            raise RuntimeError("CUDA")
        return {"ms": 2.0}

    rows = [
        Row("part", "good", good),
        Row("part", "flaky", flaky),
        Row("part", "long", good, seconds=3600),
        Row("part", "elsewhere", good, skip="no GPU"),
    ]
    file = tmp_path / "results.jsonl"
    for broken in (True, False, False):  # noqa: B007 - read by `flaky`
        ledger = Ledger(file, bench())
        for row in rows:
            advance(row, ledger.bench, ledger)
    assert measured == ["good", "flaky", "flaky"]
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(entry["row"], entry.get("error")) for entry in entries] == [
        ("good", None),
        ("flaky", "RuntimeError: CUDA"),
        ("flaky", None),
    ]
    file.write_text("".join(json.dumps(entry | {"sources": "other"}) + "\n" for entry in entries))
    assert not Ledger(file, bench()).has(rows[0])


@pytest.mark.slow
def test_it_trains_where_only_pytorch_is_installed(tmp_path: Path) -> None:
    results = tmp_path / "gpu.jsonl"
    script = [str(ROOT / "benchmarks" / "gpu.py"), "--device", "cpu", "--results", str(results), "--part", "learning"]
    done = subprocess.run(
        [sys.executable, "-c", BARE, *script], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = [json.loads(line) for line in results.read_text().splitlines()]
    assert entry["values"]["ok"] is True
    assert "skipped g-hmlc on CIFAR-100, ResNet-18, 8 epochs: no --data" in done.stdout
