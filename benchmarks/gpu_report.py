"""Compares the arms that `benchmarks/gpu.py --part evidence` has trained, as `hmlc benchmark` does.

python benchmarks/gpu_report.py gpu.jsonl DIR [--baseline 'hmce code']
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gpu_parts.cells import cells_of, suite_of

from hmlc_ray.benchmark.comparison import compare
from hmlc_ray.benchmark.report import markdown, write_report


def main() -> None:
    """Write the report into the folder, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--baseline", default="hmce code")
    given = parser.parse_args()
    cells = cells_of(map(json.loads, given.results.read_text(encoding="utf-8").splitlines()))
    suite = suite_of(given.baseline)
    rows = compare(suite, cells)
    write_report(suite, rows, cells, given.folder)
    print(markdown(suite, rows))


if __name__ == "__main__":
    main()
