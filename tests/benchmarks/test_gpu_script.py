"""benchmarks/gpu.py, on the CPU: it runs where only PyTorch is installed, and resumes from its results."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from gpu import advance  # noqa: E402
from gpu_parts import evidence  # noqa: E402
from gpu_parts.rows import Bench, Ledger, Row, Values  # noqa: E402

ABSENT = ("ray", "optuna", "mlflow", "sqlalchemy", "trimesh", "loky", "matplotlib", "rich", "typer")
"""What a machine that has PyTorch, torchvision, scikit-learn and pydantic need not have."""
BARE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT!r}))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bench(minutes: float = 30.0, data: Path | None = None, epochs: int | None = None) -> Bench:
    return Bench(torch.device("cpu"), True, data, time.monotonic() + 60 * minutes, epochs)


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


@pytest.mark.journey
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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of four classes in two superclasses, each of a colour."""
    random = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 6)):
        for leaf in range(4):
            folder = tmp_path / "pictures" / split / f"super{leaf // 2}" / f"class{leaf}"
            folder.mkdir(parents=True)
            colours = np.array([(200, 40, 40), (160, 90, 20), (40, 40, 200), (20, 120, 120)])[leaf]
            for number in range(count):
                noise = random.integers(-30, 30, (32, 32, 3))
                Image.fromarray((colours + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
    return tmp_path / "pictures"


def run_evidence(place: Bench, file: Path) -> list[dict[str, Values]]:
    before = file.read_text().splitlines() if file.exists() else []
    ledger = Ledger(file, place)
    for row in evidence.rows(place):
        advance(row, place, ledger)
    return [json.loads(line) for line in file.read_text().splitlines()[len(before) :]]


@pytest.mark.journey
@pytest.mark.slow
def test_every_arm_trains_as_long_as_the_others_and_is_judged_once(pictures: Path, tmp_path: Path) -> None:
    results = tmp_path / "gpu.jsonl"
    probe, pace, *arms = run_evidence(bench(data=pictures), results)
    assert probe["values"]["ok"] is True
    assert pace["values"]["epochs"] == 1
    assert all(pace["values"][arm] > 0 for arm in evidence.ARMS)
    assert [entry["row"] for entry in arms] == [f"{arm}, seed 0, 1 epochs" for arm in evidence.ARMS]
    for entry in arms:
        values = entry["values"]
        assert values["ok"] is True, entry
        assert len(values["loss"]) == values["epochs"] == 1
        for kind in ("probe", "knn"):
            found = [values[f"{kind} {level}"] for level in ("superclass", "class")]
            assert values[f"{kind} mean"] == pytest.approx(sum(found) / 2)
        # Colours tell the superclasses apart whatever the encoder has learned.
        assert values["probe superclass"] > 0.75
    assert len({entry["values"]["data"] for entry in arms}) == 1
    assert len({entry["values"]["config"] for entry in arms}) == len(arms)
    assert str(pictures) not in results.read_text()

    assert run_evidence(bench(data=pictures), results) == []  # all is known, the epochs too


@pytest.mark.slow
def test_the_number_of_epochs_can_be_given(pictures: Path) -> None:
    place = bench(data=pictures, epochs=4)
    row = next(row for row in evidence.rows(place) if row.name == "g-hmlc random partition, seed 0, 4 epochs")
    values = row.measure(place)
    assert len(values["loss"]) == 4
    assert values["mask/dims/0"] == values["mask/dims/1"] == 64


def test_arms_are_known_once_their_pace_is() -> None:
    place = Bench(torch.device("cpu"), False, Path("pictures"), math.inf)
    known = {"epochs": 9, "judging": 4.0} | dict.fromkeys(evidence.ARMS, 5.0)
    names = []
    for row in evidence.rows(place):
        if row.name == evidence.PACE:
            place.measured[row.part, row.name] = known
        names.append(row.name)
    assert row.seconds == 9 * 5 + 4
    assert names[2 : 3 + len(evidence.ARMS)] == [
        *(f"{arm}, seed 0, 9 epochs" for arm in evidence.ARMS),
        "sum-supcon, seed 1, 9 epochs",
    ]
    (_, skipped) = evidence.rows(bench())
    assert skipped.skip == "no --data"
