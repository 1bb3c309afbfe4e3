"""The linear probe of many samples, beside scikit-learn's LogisticRegression: time, and accuracy per level.

    python benchmarks/probe.py --quick                     # 6,000 x 64, a first look
    python benchmarks/probe.py                             # 50,000 x 512, every fit of ours, 9 of scikit-learn's
    python benchmarks/probe.py --theirs 8:10 20:10 100:10  # every fit of both; scikit-learn takes an hour or so

Features are made: Gaussian classes below Gaussian classes, three levels that overlap, with a covariance whose
eigenvalues fall as 1/j, in a random rotation. Both fit every level along the same regularisations, each fit started
from the ones before, on the same threads of one process; scikit-learn's in float64 by
`LogisticRegression(max_iter=300, warm_start=True)`, as hmlc_ray uses it for small probes. As it is slow, it fits what
`--theirs` says: `LEVEL:COUNT` is the level with so many classes at so many regularisations, evenly spaced from the
least to the largest; the ratio is of these same fits, ours with all that is prepared once.
CPU seconds are those of the process, so they mean something on a busy machine.
Goals: at most 60 s for all of ours on two idle cores, at least 5 times as fast, top-1 within 0.1 points. Scikit-learn
stops where no number of the gradient is above 1e-4, which with little regularisation is far from the minimum: started
from the fit before it then takes no step, and its accuracy is not that of the minimum. `--their-tolerance` lowers it.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from hmlc_ray.evaluation.many_classes import ManyClassRegression
from hmlc_ray.evaluation.principal_axes import TrainingRows

GAP = 0.1
"""Deviation of a class's mean around its parent's, of that of the samples around theirs."""
THEIR_ITERATIONS = 300


@dataclass(frozen=True)
class Fit:
    """One regression, timed."""

    regularisation: float
    wall: float
    cpu: float
    steps: int
    """Evaluations of ours, iterations of scikit-learn's."""
    converged: bool
    predicted: np.ndarray
    top1: float


def main() -> None:
    """Print a line per fit and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=50_000, help="to train on; a fifth is made to judge on")
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--classes", type=int, nargs=3, default=(8, 20, 100))
    parser.add_argument("--candidates", type=int, default=10, help="regularisations, C from 1e-4 to 10")
    parser.add_argument("--theirs", nargs="*", default=["8:3", "20:3", "100:3"], metavar="LEVEL:COUNT")
    parser.add_argument("--cold", action="store_true", help="scikit-learn starts every fit from zero")
    parser.add_argument("--their-tolerance", type=float, default=1e-4, help="scikit-learn's `tol`; its own is 1e-4")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="6,000 x 64")
    options = parser.parse_args()
    if options.quick:
        options.samples, options.features = 6_000, 64
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        compare(options)


def compare(options: argparse.Namespace) -> None:
    strengths = np.logspace(-4, 1, options.candidates)
    train, judged = made(options)
    start, cpu = time.perf_counter(), time.process_time()
    scaler = StandardScaler().fit(train[0])
    rows = TrainingRows(scaler.transform(train[0]))
    _ = rows.rotated
    prepared = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{len(rows):,} x {options.features}, {options.threads} threads; prepared in {seconds(*prepared)}", flush=True
    )
    inputs = scaler.transform(judged[0])
    ours: dict[int, dict[float, Fit]] = {}
    for level, count in enumerate(options.classes):
        own = ManyClassRegression(max_iter=THEIR_ITERATIONS)
        found = fits(own, strengths, rows, train[1][:, level], inputs, judged[1][:, level])
        ours[count] = shown(f"ours, {count} classes", found)
    every = [fit for level in ours.values() for fit in level.values()]
    total = [
        sum(getattr(fit, key) for fit in every) + once for key, once in zip(("wall", "cpu"), prepared, strict=True)
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"all {len(every)} fits of ours: {seconds(*total)}; peak of the process {peak:,.0f} MB", flush=True)
    for wish in options.theirs:
        count, fitted = (int(part) for part in wish.split(":"))
        level = list(options.classes).index(count)
        some = strengths[np.unique(np.linspace(0, len(strengths) - 1, fitted).round().astype(int))]
        usual = LogisticRegression(max_iter=THEIR_ITERATIONS, tol=options.their_tolerance, warm_start=not options.cold)
        found = fits(usual, some, rows, train[1][:, level], inputs, judged[1][:, level])
        theirs = shown(f"scikit-learn's, {count} classes", found)
        report(count, theirs, {key: ours[count][key] for key in theirs}, prepared)


def made(options: argparse.Namespace) -> list[tuple[np.ndarray, np.ndarray]]:
    """Features, float64 [n, F], and classes, int64 [n, 3], to train on and to judge on."""
    random = np.random.default_rng(0)
    scale = np.arange(1, options.features + 1) ** -0.5
    rotation, _ = np.linalg.qr(random.normal(size=(options.features, options.features)))
    paths = np.stack(
        [np.arange(options.classes[-1]) * count // options.classes[-1] for count in options.classes], axis=1
    )
    means = sum(GAP * random.normal(size=(paths[:, h].max() + 1, len(scale)))[paths[:, h]] for h in range(3))
    splits = []
    for samples in (options.samples, options.samples // 5):
        leaf = random.integers(0, len(paths), samples)
        values = (means[leaf] * (512 / len(scale)) ** 0.5 + random.normal(size=(samples, len(scale)))) * scale
        splits.append((values @ rotation, paths[leaf]))
    return splits


def fits(
    model: Any, strengths: np.ndarray, rows: TrainingRows, labels: np.ndarray, inputs: np.ndarray, true: np.ndarray
) -> Iterator[Fit]:
    """One fit per strength, from the least."""
    for strength in strengths:
        start, cpu = time.perf_counter(), time.process_time()
        if isinstance(model, ManyClassRegression):
            converged = model.fit(rows, labels, strength)
            steps = model.evaluations
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.set_params(C=strength).fit(rows.features, labels)
            steps = int(model.n_iter_[0])
            converged = steps < THEIR_ITERATIONS
        wall, used = time.perf_counter() - start, time.process_time() - cpu
        predicted = model.classes_[model.predict_proba(inputs).argmax(axis=1)]
        yield Fit(strength, wall, used, steps, converged, predicted, float((predicted == true).mean()))


def shown(name: str, found: Iterator[Fit]) -> dict[float, Fit]:
    kept = {}
    for fit in found:
        end = "" if fit.converged else ", stopped short"
        line = f"{seconds(fit.wall, fit.cpu)}, {fit.steps} steps{end}, top-1 {100 * fit.top1:.2f} %"
        print(f"{name}, C = {fit.regularisation:.1e}: {line}", flush=True)
        kept[fit.regularisation] = fit
    return kept


def report(count: int, theirs: dict[float, Fit], ours: dict[float, Fit], prepared: tuple[float, float]) -> None:
    times = []
    for key, once in zip(("wall", "cpu"), prepared, strict=True):
        times.append(
            sum(getattr(fit, key) for fit in theirs.values()) / (once + sum(getattr(fit, key) for fit in ours.values()))
        )
    apart = max(abs(fit.top1 - ours[key].top1) for key, fit in theirs.items())
    best = max(fit.top1 for fit in ours.values()) - max(fit.top1 for fit in theirs.values())
    other = max(float((fit.predicted != ours[key].predicted).mean()) for key, fit in theirs.items())
    print(
        f"{count} classes, {len(theirs)} fits: scikit-learn takes {times[0]:.1f} x our time, "
        f"{times[1]:.1f} x our CPU time; "
        f"top-1 apart by at most {100 * apart:.2f} points, of the chosen C by {100 * best:+.2f}; "
        f"at most {100 * other:.2f} % of the samples predicted otherwise",
        flush=True,
    )


def seconds(wall: float, cpu: float) -> str:
    return f"{wall:.1f} s ({cpu:.1f} s of CPU)"


if __name__ == "__main__":
    main()
