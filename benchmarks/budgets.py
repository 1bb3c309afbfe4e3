"""Which sampler and which scheduler: learning curves that are collected once, and a replay of them without training."""

from __future__ import annotations

import argparse
from pathlib import Path

from budget_parts.collect import collect
from budget_parts.curves import RESULTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    gather = commands.add_parser("collect", help="train random configurations and keep their curves")
    gather.add_argument("space", help="a search space: a file, or the name of a packaged one")
    gather.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    gather.add_argument("--home", type=Path, default=Path("hmlc-home"))
    gather.add_argument("--results", type=Path, help="default: benchmarks/results/curves-SPACE.jsonl")
    options = parser.parse_args()
    if options.command == "collect":
        file = options.results or RESULTS / f"curves-{Path(options.space).stem}.jsonl"
        collect(options.space, options.overrides, options.home, file)


if __name__ == "__main__":
    main()
