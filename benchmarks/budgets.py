"""Which sampler and which scheduler: learning curves that are collected once, and a replay of them without training.

    python benchmarks/budgets.py collect digits study.num_trials=160
    python benchmarks/budgets.py replay [--seeds 20] [--results benchmarks/results/budgets.jsonl]

`collect` trains random configurations of a search space to their end, with an evaluation after every epoch, as an
ordinary sweep, and writes their curves; called again with the same `--home` it resumes. `replay` simulates sweeps on
the curves in benchmarks/results: the product's own sampler and scheduler objects, and others of Optuna and Tune, with
the nearest curve for each configuration that is drawn. It prints a table for each search space; with `--results` rows
are kept, and those that are there already are not simulated again. With `--start CURVES` every sweep is also one that
begins with the best points of an earlier sweep on those, as `study.start.study` has it. Without a command: `replay`
with few seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from budget_parts.candidates import SCHEDULERS, samplers
from budget_parts.curves import RESULTS, read
from budget_parts.replay import KEYS, Question, replay, table


def simulate(
    files: Sequence[Path],
    wanted: Sequence[str],
    question: Question,
    results: Path | None,
    schedulers: Sequence[str] = SCHEDULERS,
) -> None:
    """Print a table of each file's curves."""
    lines = results.read_text(encoding="utf-8").splitlines() if results is not None and results.exists() else []
    known = [json.loads(line) for line in lines]
    for file in files:
        curves = read(file)
        rows = []
        for sampler in wanted:
            for scheduler in schedulers:
                for asked in (replace(question, earlier=None), *([question] if question.earlier else [])):
                    row = replay(curves, sampler, scheduler, asked, known)
                    rows.append(row)
                    if results is not None and row not in known:
                        with results.open("a", encoding="utf-8") as kept:
                            kept.write(json.dumps(row) + "\n")
        print(
            f"\n{curves.facts['space']}: {len(curves.curves)} curves, {described(rows[0])}\n\n{table(rows)}", flush=True
        )


def described(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in KEYS if name not in ("space", "sampler", "scheduler", "start"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    gather = commands.add_parser("collect", help="train random configurations and keep their curves")
    gather.add_argument("space", help="a search space: a file, or the name of a packaged one")
    gather.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    gather.add_argument("--home", type=Path, default=Path("hmlc-home"))
    gather.add_argument("--results", type=Path, help="default: benchmarks/results/curves-SPACE.jsonl")
    again = commands.add_parser("replay", help="simulate sweeps on the curves")
    again.add_argument("--curves", type=Path, nargs="+", help="default: all that are in benchmarks/results")
    again.add_argument("--samplers", nargs="+", choices=samplers(), help="default: all")
    again.add_argument("--schedulers", nargs="+", choices=SCHEDULERS, default=SCHEDULERS)
    again.add_argument("--seeds", type=int, default=20)
    again.add_argument("--slots", type=int, default=Question.slots)
    again.add_argument("--budget", type=float, default=Question.budget, help="in full trainings")
    again.add_argument("--start", type=Path, help="curves on which an earlier sweep finds its first points")
    again.add_argument("--results", type=Path)
    options = parser.parse_args()
    if options.command == "collect":
        from budget_parts.collect import collect

        file = options.results or RESULTS / f"curves-{Path(options.space).stem}.jsonl"
        collect(options.space, options.overrides, options.home, file)
        return
    if options.command is None:
        options = parser.parse_args(["replay", "--seeds", "3"])
    torch.set_num_threads(1)
    simulate(
        options.curves or sorted(RESULTS.glob("curves-*.jsonl")),
        options.samplers or samplers(),
        Question(
            seeds=options.seeds,
            slots=options.slots,
            budget=options.budget,
            earlier=read(options.start) if options.start else None,
        ),
        options.results,
        options.schedulers,
    )


if __name__ == "__main__":
    main()
