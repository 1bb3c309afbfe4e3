"""Small objectives and batches for them, and what holds for the gradient of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from planted import regular_tree

from hmlc_ray.objectives import Batch, Dims, Objective, build_objective
from hmlc_ray.taxonomy import Taxonomy

WIDTH, FEATURES = 12, 6


def made(config: Any, taxonomy: Taxonomy) -> Objective:
    """The objective of a configuration, for classes of a few samples each."""
    counts = taxonomy.class_counts(np.arange(3 * taxonomy.num_leaves) % taxonomy.num_leaves)
    return build_objective(config, Dims(taxonomy, counts, WIDTH, FEATURES))


def make_batch(taxonomy: Taxonomy, samples: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32) -> Batch:
    """Two random views of each sample."""
    random = torch.Generator().manual_seed(seed)
    leaf = torch.randint(0, taxonomy.num_leaves, (samples,), generator=random).repeat(2)
    return Batch(
        torch.randn(2 * samples, WIDTH, generator=random, dtype=dtype),
        torch.from_numpy(taxonomy.paths(leaf.numpy())),
        torch.arange(samples).repeat(2),
        torch.randn(2 * samples, FEATURES, generator=random, dtype=dtype),
    )


def assert_gradients_are_exact(config: Any) -> None:
    """Of embeddings, features and parameters, against differences in float64."""
    torch.manual_seed(0)
    taxonomy = regular_tree((2, 2, 2))
    objective = made(config, taxonomy).double()
    batch = make_batch(taxonomy, samples=4, dtype=torch.float64)
    objective(batch)
    objective.eval()  # Prototypes keep their values.
    parameters = [p.detach().requires_grad_() for p in objective.parameters()]
    names = [name for name, _ in objective.named_parameters()]
    inputs = (batch.embeddings.requires_grad_(), batch.features.requires_grad_(), *parameters)  # type: ignore[union-attr]

    def loss(z: torch.Tensor, f: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        own = dict(zip(names, parameters, strict=True))
        report = torch.func.functional_call(objective, own, Batch(z, batch.paths, batch.instance, f))
        return report.total

    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True, atol=1e-4)
