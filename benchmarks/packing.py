"""What training several small trials as one batched model could give: an upper bound of packing.

    python benchmarks/packing.py           # every network, on the CPU
    python benchmarks/packing.py --quick   # a first look

`one after another` is a step (network, objective, gradient, Adam) of each of K trials in turn; `packed` is one step of
a network whose weights are those of all K, stacked (`torch.func`: grouped convolutions, batched products), with the
objective of each in turn and one Adam over the stack. Both from the same weights on the same rows; their losses are
compared. Views, evaluation, early stopping and records, which packing would have to keep apart, are left out: what is
left is more than a real one would reach. Rounds of both alternate; the ratio of their medians is what counts. On a GPU
torch 2.11 has no packed step of the convnets: batch norm under `vmap` ends with "NYI: querying is_contiguous".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from gpu_parts.clock import timed
from gpu_parts.made import objective_of, taxonomy_of
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from hmlc_ray.config.encoder import EncoderConfig
from hmlc_ray.encoders import build_encoder
from hmlc_ray.objectives import Batch, Objective

CPU = torch.device("cpu")
NETWORKS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "convnet, digits of 8 px": ({"kind": "convnet", "width": 16}, (1, 8, 8)),
    "convnet, images of 32 px": ({"kind": "convnet", "width": 16, "depth": 3}, (3, 32, 32)),
    "mlp, 384 features": ({"kind": "mlp"}, (384,)),
}
FEATURES, RATE = 128, 1e-3
Losses = list[Tensor]
Step = Callable[[], Losses]


def main() -> None:
    """Print a line per network and number of trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, nargs="+", default=[2, 4, 8], metavar="K", help="trials at once")
    parser.add_argument("--samples", type=int, default=256, help="of a batch, two views each")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two trials, one round, small batches")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.members, arguments.samples, arguments.rounds = [2], 16, 1
    torch.set_num_threads(1)
    for name in NETWORKS:
        for members in arguments.members:
            apart, packed = times(name, members, arguments.samples, arguments.rounds, CPU)
            print(
                f"{name}, {members} trials: {1000 * apart:.1f} ms one after another, "
                f"{1000 * packed:.1f} ms packed: {apart / packed:.2f} x",
                flush=True,
            )


def times(name: str, members: int, samples: int, rounds: int, device: torch.device) -> tuple[float, float]:
    """Median seconds of a step of all trials, one after another and packed."""
    apart, packed = pair(name, members, samples, device)
    for ours, theirs in zip(apart(), packed(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    seconds: dict[Step, list[float]] = {apart: [], packed: []}
    for _ in range(rounds):
        for step, taken in seconds.items():
            taken.append(timed(step, device))
    return median(seconds[apart]), median(seconds[packed])


def pair(name: str, members: int, samples: int, device: torch.device) -> tuple[Step, Step]:
    """A step of each trial in turn, and one of all, from the same weights on the same rows."""
    values, shape = NETWORKS[name]
    config = TypeAdapter(EncoderConfig).validate_python({**values, "feature_dim": FEATURES})
    torch.manual_seed(0)
    networks = [build_encoder(config, shape).to(device) for _ in range(members)]
    objectives, batch = made_objectives(members, samples, device)
    rows = torch.randn(members, 2 * samples, *shape, device=device)
    packed = packed_step(networks, objectives, rows, batch)  # copies the weights before they are trained
    return separate_steps(networks, objectives, rows, batch), packed


def made_objectives(members: int, samples: int, device: torch.device) -> tuple[list[Objective], Batch]:
    """One per trial, each with a temperature of its own, and a batch without its embeddings."""
    taxonomy = taxonomy_of((2, 5, 2))
    objectives = [
        objective_of({"kind": "sum-supcon", "temperature": 0.1 + 0.02 * k}, taxonomy, FEATURES, FEATURES).to(device)
        for k in range(members)
    ]
    leaves = torch.arange(samples) % taxonomy.num_leaves
    paths = torch.tensor(taxonomy.leaf_paths)[leaves].repeat(2, 1).to(device)
    instance = torch.arange(samples).repeat(2).to(device)
    return objectives, Batch(torch.empty(0), paths, instance)


def loss_of(objective: Objective, embeddings: Tensor, batch: Batch) -> Tensor:
    """Of one trial."""
    return objective(Batch(embeddings, batch.paths, batch.instance)).total


def separate_steps(networks: list[nn.Module], objectives: list[Objective], rows: Tensor, batch: Batch) -> Step:
    """A step of each trial in turn."""
    optimisers = [torch.optim.AdamW(network.parameters(), lr=RATE, foreach=True) for network in networks]

    def step() -> Losses:
        losses = []
        for network, objective, optimiser, inputs in zip(networks, objectives, optimisers, rows, strict=True):
            optimiser.zero_grad()
            loss = loss_of(objective, network(inputs), batch)
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return losses

    return step


def packed_step(networks: list[nn.Module], objectives: list[Objective], rows: Tensor, batch: Batch) -> Step:
    """A step of all trials as one network of stacked weights."""
    parameters, buffers = stack_module_state(networks)
    optimiser = torch.optim.AdamW(parameters.values(), lr=RATE, foreach=True)

    def forward(weights: dict[str, Tensor], state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        with patch("hmlc_ray.encoders.convnet.channels_last", lambda it: it):  # vmap has five dimensions there
            return functional_call(networks[0], (weights, state), (inputs,))

    def step() -> Losses:
        optimiser.zero_grad()
        embeddings = vmap(forward)(parameters, buffers, rows)
        losses = [loss_of(objective, vectors, batch) for objective, vectors in zip(objectives, embeddings, strict=True)]
        torch.stack(losses).sum().backward()
        optimiser.step()
        return [loss.detach() for loss in losses]

    return step


if __name__ == "__main__":
    main()
