"""Runs the qualitative study of `docs/mnist.md` and writes its tables and pictures: `python docs/mnist.py --root data`.

Every objective is trained with the same seeds on the same images; what has been trained is found again in `--home`, so
a second call resumes an interrupted study.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from written import rewritten, table

from hmlc_ray import diagnose, load_data, load_encoder, train
from hmlc_ray.diagnosis import Diagnosis
from hmlc_ray.diagnosis.pictures.maps import draw_map

PAGE = Path(__file__).with_name("mnist.md")
PICTURES = PAGE.parent / "pictures" / "mnist"
MARK = "<!-- tables: written by docs/mnist.py -->\n"
SEEDS = (0, 1, 2)
BASELINE = "HMCE"
OBJECTIVES: dict[str, dict[str, Any]] = {
    "HMCE": {"kind": "hmce", "variant": "code"},
    "sum-SupCon": {"kind": "sum-supcon"},
    "SupCon": {"kind": "supcon", "level": "leaf"},
    "G-HMLC, mixture, partition": {"kind": "g-hmlc", "mask": "mixture", "nesting": "partition"},
    "G-HMLC, mixture, nested": {"kind": "g-hmlc", "mask": "mixture", "nesting": "nested"},
    "G-HMLC, random, nested": {"kind": "g-hmlc", "mask": "random", "nesting": "nested"},
    "A-HMLC": {"kind": "a-hmlc"},
}
"""Configurations by the names that the page uses."""
COLUMNS = {
    "probe parity": "test/probe_top1/parity",
    "probe digit": "test/probe_top1/digit",
    "silhouette parity": "test/silhouette/parity",
    "silhouette digit": "test/silhouette/digit",
    "CPCC": "test/tree/cpcc",
}
"""Metrics of the test split, by their headings."""


def config_of(objective: dict[str, Any], seed: int, root: Path) -> dict[str, Any]:
    """One run: 200 images per digit, features without a projection head, so that masks are on what is looked at."""
    masked = {"mask_seed": seed} if objective["kind"] == "g-hmlc" else {}
    return {
        "seed": seed,
        "data": {"kind": "mnist", "root": str(root.absolute()), "limit_per_leaf": 200},
        "views": {"crop_scale": [0.5, 1.0], "rotation": 15},
        "encoder": {"kind": "convnet", "width": 16, "depth": 3},
        "head": {"kind": "identity"},
        "objective": {**objective, **masked, "temperature": 0.1},
        "optimiser": {"kind": "adamw", "learning_rate": 3e-3},
        "training": {"epochs": 20, "global_batch_size": 256},
        "evaluation": {"every": 20},
    }


def runs(root: Path, home: Path) -> Iterator[tuple[str, int, str]]:
    """(objective, seed, run id) of every run, all objectives of a seed before the next seed."""
    home.mkdir(parents=True, exist_ok=True)
    known_file = home / "mnist-runs.json"
    known = json.loads(known_file.read_text(encoding="utf-8")) if known_file.exists() else {}
    for seed in SEEDS:
        for name, objective in OBJECTIVES.items():
            key = f"{name}, seed {seed}"
            if key not in known:
                known[key] = train(config_of(objective, seed, root), home=home, test=True).run_id
                known_file.write_text(json.dumps(known, indent=1), encoding="utf-8")
            yield name, seed, known[key]


def spread(run: str, home: Path) -> float:
    """The variance of the test split's features scaled to length 1, summed over dimensions: 1 - |mean|^2."""
    encoder = load_encoder(run, home=home)
    test = load_data(encoder.config).test
    features = encoder.embed(test.at(torch.arange(len(test)))).double()
    unit = torch.nn.functional.normalize(features, dim=1)
    return float(1 - unit.mean(dim=0).square().sum())


def values_of(found: Diagnosis, run: str, home: Path) -> dict[str, float]:
    metrics = found.evaluation | found.metrics()
    values = {heading: metrics[name] for heading, name in COLUMNS.items()}
    return values | {"effective rank": found.features.effective_rank, "variance": spread(run, home)}


def cell(values: dict[str, dict[int, dict[str, float]]], name: str, heading: str) -> str:
    """The mean over seeds and, paired by seed, the difference to the baseline with its standard error."""
    scale, digits = (100, 1) if heading.startswith("probe") else (1, 1 if heading == "effective rank" else 3)
    own = [scale * by_heading[heading] for by_heading in values[name].values()]
    text = f"{statistics.fmean(own):.{digits}f}"
    if name == BASELINE:
        return text
    apart = [scale * (values[name][seed][heading] - values[BASELINE][seed][heading]) for seed in values[name]]
    error = statistics.stdev(apart) / np.sqrt(len(apart))
    return f"{text} ({statistics.fmean(apart):+.{digits}f} ± {error:.{digits}f})"


def compared(values: dict[str, dict[int, dict[str, float]]]) -> str:
    headings = list(next(iter(values[BASELINE].values())))
    rows = [[name, *(cell(values, name, heading) for heading in headings)] for name in values]
    return table(["objective", *headings], rows)


def picture_name(name: str) -> str:
    return "map-" + "".join(letter if letter.isalnum() else "-" for letter in name.lower()) + ".png"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("data"), help="the folder with MNIST/raw")
    parser.add_argument("--home", type=Path, default=Path("hmlc-home"), help="the home folder of the runs")
    given = parser.parse_args(arguments)
    values: dict[str, dict[int, dict[str, float]]] = {name: {} for name in OBJECTIVES}
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    for name, seed, run in runs(given.root, given.home):
        found = diagnose(run, split="test", home=given.home)
        values[name][seed] = values_of(found, run, given.home)
        if seed == SEEDS[0]:
            draw_map(found, PICTURES / picture_name(name))
    pictures = [
        f"**{name}**\n\n![Map of test images under {name}](pictures/mnist/{picture_name(name)})" for name in values
    ]
    PAGE.write_text(rewritten(PAGE, MARK, "\n\n".join([compared(values), *pictures])), encoding="utf-8")


if __name__ == "__main__":
    main()
