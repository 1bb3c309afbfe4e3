"""What has to be true on any device: objectives, masks, loading, resuming, mixed precision."""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import TypeAdapter

from gpu_parts.made import objective_of, taxonomy_of
from gpu_parts.rows import Bench, Row, Values, median_seconds
from hmlc_ray.config.encoder import EncoderConfig
from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.loader import epoch_batches
from hmlc_ray.data.sampler import build_sampler
from hmlc_ray.encoders import build_encoder, build_head
from hmlc_ray.objectives import Batch, Objective
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import FitResult, fit
from hmlc_ray.training.learner import Learner
from hmlc_ray.training.optimiser import build_optimiser
from hmlc_ray.training.seeding import kernels

PART = "correctness"
WIDTH, FEATURES, SAMPLES = 64, 32, 96
VALUE_ERROR, GRADIENT_ERROR = 1e-4, 1e-3
"""Relative, float32 against float64."""
OBJECTIVES: dict[str, dict[str, Any]] = {
    "simclr": {"kind": "simclr"},
    "supcon": {"kind": "supcon"},
    "sum-supcon": {"kind": "sum-supcon"},
    "sum-supcon, anchor": {"kind": "sum-supcon", "imbalance": "anchor"},
    "sum-supcon, denominator": {"kind": "sum-supcon", "imbalance": "denominator"},
    "sum-supcon, chunk": {"kind": "sum-supcon", "chunk": 50},
    **{f"{k}, {v}": {"kind": k, "variant": v} for k in ("hmc", "hce", "hmce") for v in ("paper", "code")},
    "g-hmlc": {"kind": "g-hmlc"},
    "g-hmlc, nested": {"kind": "g-hmlc", "nesting": "nested"},
    "g-hmlc, soft": {"kind": "g-hmlc", "hardness": "soft"},
    "g-hmlc, dirichlet": {"kind": "g-hmlc", "mask": "dirichlet"},
    "a-hmlc": {"kind": "a-hmlc", "overlap_penalty": 0.1},
    "mlcl": {"kind": "mlcl"},
    "bhcl": {"kind": "bhcl", "unbalanced_epochs": 0},
    "cross-entropy": {"kind": "cross-entropy"},
}

GRAPHED: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "convnet": ({"kind": "convnet", "width": 16}, (1, 8, 8)),
    "resnet18": ({"kind": "resnet18"}, (3, 32, 32)),
    "mlp": ({"kind": "mlp"}, (64,)),
    "identity": ({"kind": "identity"}, (64,)),
    "pointnet": ({"kind": "pointnet"}, (128, 3)),
    "dgcnn": ({"kind": "dgcnn", "neighbours": 8}, (128, 3)),
}
"""Encoders whose passes become CUDA graphs, and the shapes of their samples."""


def rows(bench: Bench) -> list[Row]:
    """The rows of this part."""
    names = [
        Row(PART, f"{name}: value and gradient", _objective_row(values), seconds=2)
        for name, values in OBJECTIVES.items()
    ]
    no_graphs = "there are no graphs on a CPU" if bench.device.type == "cpu" else None
    return [
        Row(PART, "every kind of objective has a row", lambda _: _covered(), seconds=1),
        *names,
        Row(PART, "g-hmlc: masks fitted from embeddings", _masks, seconds=3),
        Row(PART, "batches: data.cache device and memory", _batches, seconds=3),
        Row(PART, "checkpoint: resumed against undisturbed", _resumed, seconds=20),
        Row(PART, "training: this device against the CPU", _against_cpu, seconds=20),
        Row(PART, "training: bf16 against float32", _bf16, seconds=20),
        *(
            Row(PART, f"CUDA graph of {kind}: with it against without", _graphed(kind), seconds=8, skip=no_graphs)
            for kind in GRAPHED
        ),
    ]


def _covered() -> Values:
    kinds = {
        typing.get_args(member.model_fields["kind"].annotation)[0]
        for member in typing.get_args(typing.get_args(ObjectiveConfig)[0])
    }
    missing = sorted(kinds - {values["kind"] for values in OBJECTIVES.values()})
    return {"ok": not missing, "missing": missing}


def batch_of(taxonomy: Taxonomy, samples: int, width: int, features: int) -> Batch:
    """Two views of each sample, float64 on the CPU: rows of a class have something in common."""
    random = torch.Generator().manual_seed(1)
    leaf = torch.randint(0, taxonomy.num_leaves, (samples,), generator=random).repeat(2)
    centres = torch.randn(taxonomy.num_leaves, width, generator=random, dtype=torch.float64)
    noise = torch.randn(2 * samples, width, generator=random, dtype=torch.float64)
    return Batch(
        centres[leaf] + noise,
        torch.from_numpy(taxonomy.paths(leaf.numpy())),
        torch.arange(samples).repeat(2),
        torch.randn(2 * samples, features, generator=random, dtype=torch.float64),
    )


def moved(batch: Batch, device: torch.device, dtype: torch.dtype) -> Batch:
    """A batch elsewhere, in another precision, whose embeddings and features want gradients."""
    assert batch.features is not None
    return Batch(
        batch.embeddings.detach().clone().to(device, dtype).requires_grad_(),
        batch.paths.to(device),
        batch.instance.to(device),
        batch.features.detach().clone().to(device, dtype).requires_grad_(),
    )


def _trained(values: dict[str, Any], taxonomy: Taxonomy, batch: Batch) -> Objective:
    """An objective after three epochs on the CPU: masks are fitted, prototypes have moved."""
    torch.manual_seed(0)
    objective = objective_of(values, taxonomy, WIDTH, FEATURES)
    for epoch in range(3):
        objective.begin_epoch(epoch, 20)
        objective(moved(batch, torch.device("cpu"), torch.float32))
        objective.end_epoch(epoch, 20)
    return objective.eval()


def _objective_row(values: dict[str, Any]) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        taxonomy = taxonomy_of()
        batch = batch_of(taxonomy, SAMPLES, WIDTH, FEATURES)
        objective = _trained(values, taxonomy, batch)
        exact = _value_and_gradient(copy.deepcopy(objective).double(), moved(batch, torch.device("cpu"), torch.float64))
        here = _value_and_gradient(objective.to(bench.device), moved(batch, bench.device, torch.float32))
        value, gradient = (float((a - b).norm() / b.norm()) for a, b in zip(here, exact, strict=True))
        return {"ok": value < VALUE_ERROR and gradient < GRADIENT_ERROR, "value": value, "gradient": gradient}

    return measure


def _value_and_gradient(objective: Objective, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    total = objective(batch).total
    total.backward()
    wanted = [batch.embeddings, batch.features, *objective.parameters()]
    gradients = [t.grad.flatten() for t in wanted if t is not None and t.grad is not None]
    return total.detach().cpu().double().reshape(1), torch.cat(gradients).cpu().double()


def _masks(bench: Bench) -> Values:
    taxonomy = taxonomy_of()
    batch = batch_of(taxonomy, SAMPLES, WIDTH, FEATURES)
    fitted = []
    for device in (torch.device("cpu"), bench.device):
        torch.manual_seed(0)
        objective = objective_of({"kind": "g-hmlc"}, taxonomy, WIDTH, FEATURES).to(device)
        for epoch in range(3):
            objective.begin_epoch(epoch, 20)
            objective(moved(batch, device, torch.float32))
            objective.end_epoch(epoch, 20)
        masks = objective.masks()
        assert masks is not None
        fitted.append(masks.cpu())
    chosen = fitted[0].sum(dim=1).tolist()
    return {"ok": torch.equal(*fitted) and min(chosen) < WIDTH, "dims per level": chosen}


def _batches(bench: Bench) -> Values:
    data = load_data(_config().data)
    seen = []
    for cache in ("device", "memory"):
        sampler = build_sampler(
            _config().training, data.taxonomy.paths(data.train.leaf.numpy()), seed=0, rank=0, world_size=1
        )
        sampler.set_epoch(0)
        seen.append(
            [tuple(t.cpu() for t in batch) for batch in epoch_batches(data.train, sampler, bench.device, cache)]
        )
    same = all(torch.equal(a, b) for one, two in zip(*seen, strict=True) for a, b in zip(one, two, strict=True))
    return {"ok": same and len(seen[0]) > 1, "batches": len(seen[0])}


def _config(device: str = "cpu", **training: Any) -> TrialConfig:
    """Digits and a small convnet."""
    return TrialConfig.model_validate(
        {
            "encoder": {"kind": "convnet", "width": 16, "depth": 2, "feature_dim": 32},
            "head": {"hidden_dim": 32, "embedding_dim": 32},
            "objective": {"kind": "g-hmlc", "warmup_epochs": 1, "refit_every": 1, "freeze_fraction": 0.25},
            "training": {"epochs": 4, "cpu_threads": 1, "device": device, "amp": "off", **training},
            "evaluation": {"every": 4, "probe_regularisation": [0.1]},
        }
    )


def _fit(config: TrialConfig, resume: Checkpoint | None = None) -> tuple[FitResult, dict[int, Checkpoint], list[float]]:
    snapshots: dict[int, Checkpoint] = {}
    losses: list[float] = []

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        snapshots[record.epoch] = snapshot()
        losses.append(record.metrics["train/loss"])

    return fit(config, report, resume=resume), snapshots, losses


def _resumed(bench: Bench) -> Values:
    config = _config(bench.device.type, deterministic=True)
    whole, snapshots, _ = _fit(config)
    rest, _, _ = _fit(config, resume=snapshots[2])
    again, _, _ = _fit(config)
    return {
        "ok": _apart(whole, rest) == 0,
        "resumed apart": _apart(whole, rest),
        "repeated apart": _apart(whole, again),
    }


def _apart(one: FitResult, two: FitResult) -> float:
    """The largest difference between two learners' tensors; NaN where one has a NaN, which Python's `max` may skip."""
    left, right = one.checkpoint.state["learner"], two.checkpoint.state["learner"]
    return float(torch.stack([(left[name].double() - right[name].double()).abs().max() for name in left]).max())


def _against_cpu(bench: Bench) -> Values:
    _, _, cpu = _fit(_config("cpu"))
    result, _, here = _fit(_config(bench.device.type))
    difference = max(abs(a - b) / abs(b) for a, b in zip(here, cpu, strict=True))
    return {"ok": difference < 0.05, "loss apart": difference, "leaf top-1": result.metrics["val/probe_top1/digit"]}


def _bf16(bench: Bench) -> Values:
    _, _, full = _fit(_config(bench.device.type))
    result, _, mixed = _fit(_config(bench.device.type, amp="bf16"))
    difference = max(abs(a - b) / abs(b) for a, b in zip(mixed, full, strict=True))
    return {"ok": difference < 0.05, "loss apart": difference, "leaf top-1": result.metrics["val/probe_top1/digit"]}


def _graphed(kind: str) -> Callable[[Bench], Values]:
    """Steps of a learner, of which the later are replayed or not: the same weights, statistics and random streams."""

    def measure(bench: Bench) -> Values:
        values: Values = {"ok": True}
        for objective, amp in (("g-hmlc", False), ("a-hmlc", True), ("cross-entropy", False)):
            ways = [_steps(kind, objective, bench, amp=amp, replayed=replayed) for replayed in (False, True)]
            same = all(torch.equal(a, b) for a, b in zip(*(way.tensors for way in ways), strict=True))
            values |= {f"{objective} same": same, f"{objective} x as fast": ways[0].seconds / ways[1].seconds}
            trains = (kind, objective) != ("identity", "cross-entropy")  # what is read are features, which stay
            values["ok"] = values["ok"] and same and ways[1].replayed == trains
        return values

    return measure


@dataclass(frozen=True)
class _Way:
    tensors: list[torch.Tensor]
    """Of the learner after the last step, and a random number drawn then."""
    seconds: float
    """Of a step."""
    replayed: bool


def _steps(kind: str, objective: str, bench: Bench, *, amp: bool, replayed: bool) -> _Way:
    values, shape = GRAPHED[kind]
    config = _config(bench.device.type, deterministic=True)
    taxonomy = taxonomy_of()
    random = torch.Generator().manual_seed(0)
    leaf = torch.randint(0, taxonomy.num_leaves, (64,), generator=random).to(bench.device)
    views = torch.randn(2, 64, *shape, generator=random).to(bench.device)
    torch.manual_seed(0)
    encoder = build_encoder(TypeAdapter(EncoderConfig).validate_python(values), shape)
    head = build_head(config.head, encoder.feature_dim)
    learner = Learner(encoder, head, objective_of({"kind": objective}, taxonomy, 32, encoder.feature_dim), taxonomy)
    optimiser = build_optimiser(config.optimiser, learner.to(bench.device).train())

    def step() -> None:
        loss = learner(views, leaf, torch.arange(64, device=bench.device), amp=amp).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    with kernels(config.training, bench.device):
        for _ in range(3):
            step()
        if replayed:
            learner.replay(views.shape, amp=amp)
        seconds = median_seconds(step, bench, repeats=1 if bench.quick else 10, rounds=3)
        torch.manual_seed(1)
        step()
        graph = learner.replays
        learner.launch()
    drawn = torch.rand(1, device=bench.device)
    tensors = [t.detach().double().cpu() for t in (*learner.state_dict().values(), drawn)]
    return _Way(tensors, seconds, graph)
