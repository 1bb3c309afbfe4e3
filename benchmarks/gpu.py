"""What only a GPU can show, within minutes, on a machine that has PyTorch and little else.

    python benchmarks/gpu.py --minutes 9 [--results gpu.jsonl] [--data CIFAR100] [--part correctness step ...]
    python benchmarks/gpu.py --minutes 7 --data CIFAR100 --part evidence [--epochs 12]

Needs torch, torchvision, NumPy, SciPy, scikit-learn and pydantic; of this package only the core is imported, so Ray,
Optuna and MLflow need not be installed. Without a GPU the same rows run on the CPU, in small, to check the script.

The most valuable parts come first. A row is appended to the results, one JSON object per line, when it is measured. A
row that the results have for the same device, sources and PyTorch is not measured again, so a second call resumes where
the first ran out of time; a row that failed is tried again. The exit code is 1 if a row is wrong or failed.

--data is a folder of CIFAR-100 images, `train|test/<superclass>/<class>/*`, for the parts `learning` and `evidence`.
The latter trains every arm for as many epochs as let the arms of one seed end within 5.5 minutes, or for --epochs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]
os.environ.setdefault("HMLC_CACHE", tempfile.mkdtemp(prefix="hmlc-gpu-cache-"))

import torch  # noqa: E402
from gpu_parts import correctness, evidence, learning, objectives, on_ray, step, together  # noqa: E402
from gpu_parts.rows import Bench, Ledger, Row, run_row, table  # noqa: E402

PARTS = {
    "correctness": correctness.rows,
    "step": step.rows,
    "objectives": objectives.rows,
    "together": together.rows,
    "learning": learning.rows,
    "evidence": evidence.rows,
    "ray": on_ray.rows,
}


def main() -> int:
    """Measure what is not measured yet, and print the table; 0, or 1 if a row is wrong or failed."""
    arguments = parse()
    device = torch.device(arguments.device)
    bench = Bench(
        device,
        quick=device.type == "cpu",
        data=arguments.data,
        deadline=arguments.start + 60 * arguments.minutes,
        epochs=arguments.epochs,
    )
    ledger = Ledger(arguments.results, bench)
    print(f"{bench.hardware}, torch {torch.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {arguments.results}")
    for part in arguments.part:
        for row in PARTS[part](bench):
            if re.search(arguments.only, row.name):
                advance(row, bench, ledger)
    print(table(ledger))
    return (
        1 if any(entry.get("error") or entry["values"].get("ok") is False for entry in ledger.entries.values()) else 0
    )


def advance(row: Row, bench: Bench, ledger: Ledger) -> None:
    """Measure a row, where it is missing and there is time for it."""
    if ledger.has(row):
        print(f"  known   {row.name}")
    elif row.skip is not None:
        print(f"  skipped {row.name}: {row.skip}")
    elif bench.left() < row.seconds:
        print(f"  no time {row.name}: about {row.seconds:.0f} s, {max(0.0, bench.left()):.0f} s left")
    else:
        entry = run_row(row, bench)
        ledger.add(row, entry)
        print(f"  {entry['seconds']:5.1f} s {row.name}: {entry.get('error') or entry['values']}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9.0, help="no row is begun that would end later")
    parser.add_argument("--results", type=Path, default=Path("gpu.jsonl"))
    parser.add_argument("--data", type=Path, help="a folder of CIFAR-100 images")
    parser.add_argument("--epochs", type=int, help="of the part evidence; as many as time allows where not given")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose name has a match")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    arguments = parser.parse_args()
    arguments.start = time.monotonic()
    return arguments


if __name__ == "__main__":
    sys.exit(main())
