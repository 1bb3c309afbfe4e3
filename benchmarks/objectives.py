"""Objectives: time of forward and backward, and peak memory, against one SupCon and pytorch-metric-learning's.

    python benchmarks/objectives.py [--quick] [--device cpu] [--threads 1] [--samples 512] [--rounds 15]

Batch of 2 x 512 rows, D = 128, three levels of 2, 20 and 100 classes. Both references are timed beside every
objective, so that load on the machine hits all three; printed are medians of times and of ratios. On one thread of a
CPU, which is what a trial has by default, CPU time is taken instead of wall time. Peak memory counts tensors made and
alive during forward and backward.

`mlcl` trains a projection head per level; `three embeddings` is its loss alone, on what the heads give.

`--share` prints instead which part of a training step each objective takes, beside encoder and head at 32 pixels
without the making of views, and how many operations a step would launch on an accelerator.
"""

from __future__ import annotations

import argparse
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from gpu_parts.clock import synchronise
from gpu_parts.launches import Launches
from gpu_parts.made import objective_of, taxonomy_of
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hmlc_ray.config.encoder import ConvNetConfig, EncoderConfig, HeadConfig, ResNet18Config
from hmlc_ray.config.objective import GHmlcConfig
from hmlc_ray.encoders import build_encoder, build_head
from hmlc_ray.objectives import Batch, Objective
from hmlc_ray.objectives.contrast import LevelTerms, LevelVectors, hardware, level_contrast, normalise
from hmlc_ray.objectives.level_objective import LevelObjective
from hmlc_ray.taxonomy import Taxonomy

WIDTH, FEATURES, CHILDREN = 128, 128, (2, 10, 5)
BASE, RIVAL = "supcon", "pytorch-metric-learning"
APART = "three embeddings"
LEVELS = len(CHILDREN)


@dataclass(frozen=True)
class Goal:
    """An upper bound on a ratio of times: to one SupCon of ours, or to pytorch-metric-learning's."""

    bound: float
    against: str = BASE
    memory: float | None = 1.5
    """Upper bound on the ratio of peak memories to one SupCon of ours."""


EACH = Goal(1.3 * LEVELS)
OBJECTIVES: dict[str, tuple[dict[str, Any], Goal | None]] = {
    BASE: ({"kind": "supcon"}, Goal(1 / 3, RIVAL)),
    "simclr": ({"kind": "simclr"}, EACH),
    "sum-supcon": ({"kind": "sum-supcon"}, EACH),
    "sum-supcon, tau per level": ({"kind": "sum-supcon", "temperature": (0.1, 0.2, 0.3)}, EACH),
    "sum-supcon, anchor": ({"kind": "sum-supcon", "imbalance": "anchor"}, EACH),
    "sum-supcon, denominator": ({"kind": "sum-supcon", "imbalance": "denominator"}, EACH),
    "hmc, paper": ({"kind": "hmc", "variant": "paper"}, EACH),
    "hce, paper": ({"kind": "hce", "variant": "paper"}, EACH),
    "hmce, paper": ({"kind": "hmce", "variant": "paper"}, EACH),
    "hmc, code": ({"kind": "hmc", "variant": "code"}, Goal(0.6, RIVAL)),
    "hce, code": ({"kind": "hce", "variant": "code"}, Goal(0.6, RIVAL)),
    "hmce, code": ({"kind": "hmce", "variant": "code"}, Goal(0.6, RIVAL)),
    "g-hmlc, partition": ({"kind": "g-hmlc", "mask": "random", "nesting": "partition"}, Goal(1.5)),
    "g-hmlc, nested": ({"kind": "g-hmlc", "mask": "random", "nesting": "nested"}, EACH),
    "g-hmlc, denominator": (
        {"kind": "g-hmlc", "mask": "random", "nesting": "partition", "imbalance": "denominator"},
        EACH,
    ),
    "a-hmlc": ({"kind": "a-hmlc"}, Goal(EACH.bound, memory=None)),
    "mlcl": ({"kind": "mlcl"}, None),
    APART: ({"kind": "mlcl"}, EACH),
    "bhcl": ({"kind": "bhcl", "unbalanced_epochs": 0}, EACH),
    "cross-entropy": ({"kind": "cross-entropy"}, EACH),
}


def main() -> None:
    """Print the tables."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    if arguments.large is not None:
        large(arguments.large, arguments.chunk)
        return
    torch.manual_seed(0)
    if arguments.share:
        share_of_step(arguments)
        return
    steps = make_steps(arguments)
    hand_over(arguments)
    times = measure(steps, arguments.rounds, arguments)
    hand_over(arguments)
    peaks = {name: peak_memory(step, arguments.device) for name, step in steps.items()}
    report(times, peaks)
    mask_fit(arguments)
    if not arguments.quick:
        print()
        for chunk in ([], ["--chunk", "256"], ["--chunk", "1024"]):
            threads = ["--threads", str(arguments.threads)]
            subprocess.run([sys.executable, __file__, "--large", "16384", *threads, *chunk], check=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no large batch")
    parser.add_argument("--device", type=torch.device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=512, help="samples in two views each")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", help="objectives whose name contains this, besides the two references")
    parser.add_argument("--share", action="store_true", help="the objectives' part of a training step")
    parser.add_argument("--large", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--chunk", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (5 if arguments.quick else 25)
    return arguments


def make_objective(values: dict[str, Any], taxonomy: Taxonomy) -> Objective:
    objective = objective_of(values, taxonomy, WIDTH, FEATURES)
    for epoch in range(3):  # Masks come into use.
        objective.begin_epoch(epoch, 20)
        objective.end_epoch(epoch, 20)
    return objective


def make_steps(arguments: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Forward and backward by name."""
    taxonomy = taxonomy_of(CHILDREN)
    leaf = torch.randint(0, taxonomy.num_leaves, (arguments.samples,)).repeat(2)
    batch = Batch(
        torch.randn(len(leaf), WIDTH, device=arguments.device, requires_grad=True),
        torch.from_numpy(taxonomy.paths(leaf.numpy())).to(arguments.device),
        torch.arange(arguments.samples, device=arguments.device).repeat(2),
        torch.randn(len(leaf), FEATURES, device=arguments.device, requires_grad=True),
    )
    rival = SupConLoss(temperature=0.1)
    steps = {RIVAL: backward_of(lambda: rival(batch.embeddings, batch.paths[:, -1]), batch)}
    for name, (values, _) in OBJECTIVES.items():
        if name == BASE or arguments.only is None or arguments.only in name:
            objective = make_objective(values, taxonomy).to(arguments.device)
            steps[name] = backward_of(loss_of(name, objective, batch), batch, objective)
    return steps


def loss_of(name: str, objective: Objective, batch: Batch) -> Callable[[], Tensor]:
    if name != APART:
        return lambda: objective(batch).total
    assert isinstance(objective, LevelObjective)
    embeddings = torch.randn(len(batch.paths), LEVELS, WIDTH, device=batch.paths.device, requires_grad=True)
    return lambda: objective.contrast_vectors(normalise(embeddings), batch.paths).total


def backward_of(loss: Callable[[], Tensor], batch: Batch, objective: Objective | None = None) -> Callable[[], None]:
    def step() -> None:
        batch.embeddings.grad = None
        if batch.features is not None:
            batch.features.grad = None
        if objective is not None:
            objective.zero_grad()
        loss().backward()

    return step


@dataclass
class Timing:
    """Of one objective, a number per round."""

    milliseconds: list[float]
    ratios: dict[str, list[float]]
    """To one SupCon, timed just before and after it, and to the rival, timed before these."""


def measure(steps: dict[str, Callable[[], None]], rounds: int, arguments: argparse.Namespace) -> dict[str, Timing]:
    """Time forward and backward of every objective, between two of one SupCon, after the rival."""
    clock = clock_of(arguments)

    def timed(step: Callable[[], None], repeats: int) -> float:
        step()
        step()
        synchronise(arguments.device)
        start = clock()
        for _ in range(repeats):
            step()
        synchronise(arguments.device)
        return (clock() - start) / repeats * 1e3

    times = {name: Timing([], {BASE: [], RIVAL: []}) for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            rival, before = timed(steps[RIVAL], 1), timed(steps[BASE], 3)
            own, after = timed(step, 3), timed(steps[BASE], 3)
            times[name].milliseconds.append(own)
            times[name].ratios[BASE].append(own * 2 / (before + after))
            times[name].ratios[RIVAL].append(own / rival)
    return times


def clock_of(arguments: argparse.Namespace) -> Callable[[], float]:
    """CPU time where a step has one thread of a CPU."""
    return time.process_time if arguments.threads == 1 and arguments.device.type == "cpu" else time.perf_counter


def hand_over(arguments: argparse.Namespace) -> None:
    """How far threads of a CPU are apart: a matrix is multiplied in place, by rows, after a sum by rows or by columns.

    After the latter, half of what a thread writes was read last by another. About 1 x: they share a core; 3 x: a cache;
    10 x: nothing, and every pass over a matrix that is not shared out as the one before costs that much more.
    """
    if arguments.threads == 1 or arguments.device.type != "cpu":
        return
    matrix = torch.ones(1024, 352)

    def after(dim: int) -> float:
        times = []
        for _ in range(50):
            matrix.sum(dim=dim)
            start = time.perf_counter()
            matrix.mul_(1)
            times.append(time.perf_counter() - start)
        return median(times) * 1e6

    own, other = after(1), after(0)
    print(f"threads: to write 1.4 MB after itself {own:.0f} us, after another {other:.0f} us: {other / own:.1f} x")


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of CPU tensors made under it that are alive, and their largest sum."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                self.alive.setdefault(storage._cdata, (StorageWeakRef(storage), storage.nbytes()))
        self.alive = {key: (ref, size) for key, (ref, size) in self.alive.items() if not ref.expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return result


def peak_memory(step: Callable[[], None], device: torch.device) -> float:
    """MB above what was alive before."""
    step()
    gc.collect()
    if device.type != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    with LiveBytes() as live:
        step()
    return live.peak / 1e6


def report(times: dict[str, Timing], peaks: dict[str, float]) -> None:
    print(f"{'objective':28} {'ms':>8} {'x supcon':>9} {'x pml':>7} {'goal':>12}  {'':4} {'MB':>6} {'x supcon':>8}")
    for name, own in times.items():
        ratio = {other: median(ratios) for other, ratios in own.ratios.items()}
        memory = peaks[name] / peaks[BASE]
        goal = OBJECTIVES[name][1] if name in OBJECTIVES else None
        verdict, bound = "", ""
        if goal is not None:
            met = ratio[goal.against] <= goal.bound and (goal.memory is None or memory <= goal.memory)
            bound = f"{goal.bound:.2f} {'pml' if goal.against == RIVAL else 'supcon'}"
            verdict = "met" if met else "NOT"
        print(
            f"{name:28} {median(own.milliseconds):8.2f} {ratio[BASE]:9.2f} {ratio[RIVAL]:7.2f} {bound:>12}  {verdict:4}"
            f" {peaks[name]:6.1f} {memory:8.2f}"
        )


def mask_fit(arguments: argparse.Namespace) -> None:
    """Share of an epoch of 50,000 images of 32 x 32 pixels that goes into masks, with the smallest encoder."""
    taxonomy = taxonomy_of(CHILDREN)
    objective = make_objective(GHmlcConfig(refit_every=1).model_dump(), taxonomy).to(arguments.device)
    rows = 2 * arguments.samples
    leaf = torch.randint(0, taxonomy.num_leaves, (rows,))
    z, paths = torch.randn(rows, WIDTH), torch.from_numpy(taxonomy.paths(leaf.numpy()))
    batch = Batch(z.to(arguments.device), paths.to(arguments.device), leaf.to(arguments.device))
    encoder = build_encoder(ConvNetConfig(), (3, 32, 32)).to(arguments.device)
    images = torch.randn(rows, 3, 32, 32, device=arguments.device)
    steps = 50_000 // arguments.samples

    def timed(call: Callable[[], Any]) -> float:
        synchronise(arguments.device)
        start = time.perf_counter()
        call()
        synchronise(arguments.device)
        return time.perf_counter() - start

    def counting() -> None:
        with torch.no_grad():
            objective(batch)

    counting()
    idle = median(timed(counting) for _ in range(5))
    objective.begin_epoch(4, 20)
    counted = median(timed(counting) for _ in range(5))
    fit = timed(lambda: objective.end_epoch(4, 20))
    step = median(timed(lambda: encoder(images).sum().backward()) for _ in range(3))
    masks, epoch = max(0.0, counted - idle) * steps + fit, step * steps
    print(
        f"\nmasks: {1e3 * max(0.0, counted - idle):.2f} ms per step to count in, {1e3 * fit:.0f} ms per fit; "
        f"{100 * masks / epoch:.2f} % of an epoch of {steps} steps of {1e3 * step:.0f} ms (the encoder alone)"
    )


SHARED_OUT = {"convnet": (ConvNetConfig(), 4), "resnet18": (ResNet18Config(), 32)}
"""Encoders whose step is shared out, and into how many parts its rows are divided, since its time is linear in them."""


def share_of_step(arguments: argparse.Namespace) -> None:
    """Forward and backward of encoder and head, and which part of the step each objective takes."""
    launches, encoders = on_accelerator(arguments), {}
    for name, (config, parts) in SHARED_OUT.items():
        encoders[name] = parts * seconds_of(encoder_step(config, arguments, parts), arguments, rounds=2)
    print("encoder and head:", ", ".join(f"{name} {1e3 * value:.0f} ms" for name, value in encoders.items()))
    print(f"{'objective':28} {'ms':>8}" + "".join(f"  % of {name:10}" for name in encoders) + "  launches")
    for name, step in make_steps(arguments).items():
        own = seconds_of(step, arguments, arguments.rounds)
        shares = "".join(f"{100 * own / (own + value):17.2f}" for value in encoders.values())
        print(f"{name:28} {1e3 * own:8.2f}{shares} {launches[name]:9}")


def encoder_step(config: EncoderConfig, arguments: argparse.Namespace, parts: int) -> Callable[[], None]:
    encoder = build_encoder(config, (3, 32, 32)).to(arguments.device)
    head = build_head(HeadConfig(embedding_dim=WIDTH), encoder.feature_dim).to(arguments.device)
    images = torch.randn(2 * arguments.samples // parts, 3, 32, 32, device=arguments.device)

    def step() -> None:
        for module in (encoder, head):
            module.zero_grad()
        head(encoder(images)).sum().backward()

    return step


def seconds_of(step: Callable[[], None], arguments: argparse.Namespace, rounds: int) -> float:
    """The shortest of some calls, after one that is not timed; CPU time on one thread."""
    clock, times = clock_of(arguments), []
    step()
    for _ in range(rounds):
        synchronise(arguments.device)
        start = clock()
        step()
        synchronise(arguments.device)
        times.append(clock() - start)
    return min(times)


def on_accelerator(arguments: argparse.Namespace) -> dict[str, int]:
    """Operations per step in the way that an accelerator computes it."""
    counts = {}
    with patch.object(hardware, "on_cpu", lambda tensor: False):
        for name, step in make_steps(arguments).items():
            step()
            with Launches() as launches:
                step()
            counts[name] = sum(launches.kernels.values())
    return counts


def large(n: int, chunk: int | None) -> None:
    """One forward and backward of n rows at three levels of one embedding."""
    torch.manual_seed(0)
    z, leaf = torch.randn(n, WIDTH, requires_grad=True), torch.randint(0, 100, (n,))
    labels = torch.stack([leaf // 50, leaf // 5, leaf], dim=1)
    start = time.perf_counter()
    with LiveBytes() as live:
        vectors = LevelVectors.shared(normalise(z), LEVELS)
        loss = level_contrast(vectors, labels, LevelTerms((0.1,) * LEVELS, torch.ones(LEVELS), chunk=chunk)).total
        loss.backward()
    print(
        f"n = {n}, chunk = {chunk}: {time.perf_counter() - start:.1f} s, {live.peak / 1e6:.0f} MB for the loss, "
        f"peak of the process {peak_rss():.0f} MB; loss {loss:.7f}, gradient {z.grad.norm():.7f}"
    )


def peak_rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
