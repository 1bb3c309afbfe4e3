"""What the naive formulas give for an objective's configuration and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import naive_objectives as naive
import torch
from torch import Tensor

from hmlc_ray.objectives import Batch, Objective
from hmlc_ray.taxonomy import Taxonomy


class Expected:
    """The loss of a configuration in float64; `loss` is called once per step, as prototypes follow the steps.

    Args:
        values: the configuration.
        objective: whose parameters and masks are used; parameters are copied as leaves into `parameters`.
        taxonomy: the label tree.
        counts: N_c^h per level.
    """

    def __init__(self, values: dict[str, Any], objective: Objective, taxonomy: Taxonomy, counts: Sequence[Any]) -> None:
        self.values, self.taxonomy, self.counts = values, taxonomy, counts
        self.objective = objective
        self.parameters = {
            name: p.detach().double().requires_grad_() for name, p in objective.named_parameters() if p.requires_grad
        }
        self.prototypes = [naive.Prototypes(values.get("prototype_momentum", 0.99)) for _ in counts]

    def loss(self, batch: Batch) -> Tensor:
        rows = list(batch.embeddings)
        labels = batch.paths.T.tolist()
        kind = self.values["kind"]
        if kind == "simclr":
            return naive.level([naive.unit(z) for z in rows], batch.instance.tolist(), self.taus()[0])
        if kind == "supcon":
            level = self.taxonomy.level_index(self.values.get("level", "leaf"))
            return naive.level([naive.unit(z) for z in rows], labels[level], self.taus()[0])
        if kind == "cross-entropy":
            return self.classification(batch, labels)
        if kind == "mlcl":
            projected = [[naive.two_layers(self.head(h), f) for f in batch.features] for h in self.levels()]
            return self.summed([[naive.unit(z) for z in own] for own in projected], labels)
        if kind == "a-hmlc":
            return self.attention(rows, labels)
        if kind == "g-hmlc":
            return self.masked(rows, labels)
        unit = [naive.unit(z) for z in rows]
        if kind in ("hmc", "hce", "hmce") and self.values.get("variant", "code") == "code":
            draws = batch.instance if batch.draw is None else batch.draw
            return self.released(unit, labels, draws.tolist())
        if kind in ("hce", "hmce"):
            weights = [self.weights(h, labels[h]) for h in self.levels()]
            loss = naive.constrained(unit, labels, self.taus(), self.level_weights(), weights)
            self.update([unit] * len(labels), labels)
            return loss
        return self.summed([unit] * len(labels), labels)

    def levels(self) -> range:
        return range(self.taxonomy.num_levels)

    def taus(self) -> list[float]:
        tau = self.values.get("temperature", 0.1)
        return list(tau) if isinstance(tau, list | tuple) else [tau] * self.taxonomy.num_levels

    def level_weights(self) -> list[float]:
        default = {"hmc": "pow2", "hmce": "pow2", "bhcl": "exp"}.get(self.values["kind"], "uniform")
        form = self.values.get("level_weights", default)
        if not isinstance(form, str):
            return list(form)
        return naive.level_weights(form, self.values.get("level_ratio", 2.0), self.taxonomy.num_classes)

    def weights(self, h: int, labels: Sequence[int]) -> naive.Weights:
        mode = "denominator" if self.values["kind"] == "bhcl" else self.values.get("imbalance", "none")
        if mode == "anchor":
            gamma = self.values.get("imbalance_gamma", 0.5)
            return naive.Weights(alpha=lambda i: float(self.counts[h][labels[i]]) ** -gamma)
        return self.prototypes[h].columns(labels) if mode == "denominator" else naive.Weights()

    def update(self, vectors: Sequence[naive.Rows], labels: Sequence[Sequence[int]]) -> None:
        for h in self.levels():
            self.prototypes[h].update(vectors[h], labels[h])

    def summed(self, vectors: Sequence[naive.Rows], labels: Sequence[Sequence[int]]) -> Tensor:
        weights = [self.weights(h, labels[h]) for h in self.levels()]
        loss = naive.levels(vectors, labels, self.taus(), self.level_weights(), weights)
        self.update(vectors, labels)
        return loss

    def masked(self, rows: naive.Rows, labels: Sequence[Sequence[int]]) -> Tensor:
        masks = self.objective.masks()
        assert masks is not None
        masks = masks.double()
        weights = [self.weights(h, labels[h]) for h in self.levels()]
        for h, own in enumerate(weights):
            # Prototypes average whole embeddings, and are masked when used.
            own.prototypes = [(naive.unit(masks[h] * q), omega) for q, omega in own.prototypes]
        vectors = [[naive.unit(masks[h] * z) for z in rows] for h in self.levels()]
        loss = naive.levels(vectors, labels, self.taus(), self.level_weights(), weights)
        self.update([[naive.unit(z) for z in rows]] * len(labels), labels)
        return loss

    def released(self, unit: naive.Rows, labels: Sequence[Sequence[int]], draws: Sequence[int]) -> Tensor:
        def weights(h: int, rows: list[int]) -> naive.Weights:
            return self.weights(h, [labels[h][i] for i in rows])

        floor = self.values["kind"] != "hmc"
        loss = naive.released(unit, labels, draws, self.taus(), self.level_weights(), floor, weights)
        self.update([unit] * len(labels), labels)
        return loss

    def head(self, h: int) -> list[Tensor]:
        return [self.parameters[f"heads.{h}.{i}.{name}"] for i in (0, 2) for name in ("weight", "bias")]

    def attention(self, rows: naive.Rows, labels: Sequence[Sequence[int]]) -> Tensor:
        temperature = self.values.get("attention_temperature", 1.0)
        gates = [[naive.gate(self.head(h), temperature, z) for z in rows] for h in self.levels()]
        vectors = [[naive.unit(m * z) for m, z in zip(own, rows, strict=True)] for own in gates]
        return self.summed(vectors, labels) + self.values.get("overlap_penalty", 0.0) * naive.overlap(gates)

    def classification(self, batch: Batch, labels: Sequence[Sequence[int]]) -> Tensor:
        levels = [self.taxonomy.num_levels - 1] if self.values.get("level") == "leaf" else list(self.levels())
        logits = []
        for k in range(len(levels)):
            weight, bias = self.parameters[f"classifiers.{k}.weight"], self.parameters[f"classifiers.{k}.bias"]
            logits.append([naive.linear(weight, bias, f) for f in batch.features])
        parents = [p.tolist() for p in self.taxonomy.parents]
        if self.values.get("max_constraint"):
            losses = naive.max_constraint(logits, labels, parents)
        else:
            losses = [naive.cross_entropy(own, labels[h]) for own, h in zip(logits, levels, strict=True)]
        weights = [self.level_weights()[h] for h in levels]
        total = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
        penalty = self.values.get("consistency_penalty", 0.0)
        return total + penalty * naive.consistency(logits, parents) if penalty else total


def make_tree(children: Sequence[int]) -> Taxonomy:
    """`children[h]` children for each node of level h - 1."""
    paths: list[tuple[str, ...]] = [()]
    for count in children:
        paths = [(*path, str(k)) for path in paths for k in range(count)]
    return Taxonomy.from_paths([f"level{h}" for h in range(len(children))], paths)


def doubled(batch: Batch) -> Batch:
    """In float64, as new leaves."""

    def leaf(values: Tensor) -> Tensor:
        return values.detach().double().requires_grad_()

    assert batch.features is not None
    return Batch(leaf(batch.embeddings), batch.paths, batch.instance, leaf(batch.features), batch.draw)


def random_masks(form: str, levels: int, width: int) -> Tensor:
    """float [H, D]: a partition, nested sets, soft values, or ones."""
    level = torch.arange(width) % levels
    own = (level == torch.arange(levels)[:, None]).float()
    if form == "nested":
        return own.cumsum(dim=0).clamp_max(1)
    if form == "soft":
        return 0.05 + 0.95 * torch.rand(levels, width)
    return own if form == "partition" else torch.ones(levels, width)
