"""Whether `torch.compile` of the encoder pays: seconds to compile, and a step with and without it.

    python benchmarks/compiled.py           # on the CPU, one thread, and on the GPU where there is one
    python benchmarks/compiled.py --quick   # the smallest network, one round

A step is the encoder's forward and backward pass of 512 rows in bf16; the rest of a training step is not compiled.
Compiling starts without what PyTorch keeps of earlier compilations, as on a new machine. It pays where a trial has more
steps than `pays after`. CPU time is taken on a CPU, wall time on a GPU and while compiling.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from gpu_parts.clock import timed
from pydantic import TypeAdapter
from torch import Tensor, nn

from hmlc_ray.config.encoder import EncoderConfig
from hmlc_ray.encoders import build_encoder

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
NETWORKS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "mlp, 384 features": ({"kind": "mlp"}, (384,)),
    "convnet, digits of 8 px": ({"kind": "convnet", "width": 16}, (1, 8, 8)),
    "convnet, images of 32 px": ({"kind": "convnet", "width": 16, "depth": 3}, (3, 32, 32)),
    "resnet18, images of 32 px": ({"kind": "resnet18"}, (3, 32, 32)),
    "pointnet, 256 points": ({"kind": "pointnet"}, (256, 3)),
}


def main() -> None:
    """Print a line per network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="networks whose name begins so")
    parser.add_argument("--device", choices=DEVICES, nargs="+", default=DEVICES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in NETWORKS if name.startswith(arguments.only)]
    names, rows, rounds = (names[:1], 16, 1) if arguments.quick else (names, arguments.rows, arguments.rounds)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        for device in arguments.device:
            for name in names:
                print(f"{device}, {name}: {measured(name, rows, rounds, torch.device(device))}", flush=True)


def measured(name: str, rows: int, rounds: int, device: torch.device) -> str:
    """One network's line."""
    values, shape = NETWORKS[name]
    torch.manual_seed(0)
    config = TypeAdapter(EncoderConfig).validate_python(values)
    network = build_encoder(config, shape).to(device)
    inputs = torch.randn(rows, *shape, device=device)
    eager, compiled = step_of(network, inputs), step_of(torch.compile(network), inputs)
    start = time.perf_counter()
    compiled()
    compiling = time.perf_counter() - start
    eager()
    seconds: dict[Callable[[], None], list[float]] = {eager: [], compiled: []}
    for _ in range(rounds):
        for step, taken in seconds.items():
            taken.append(timed(step, device))
    before, after = median(seconds[eager]), median(seconds[compiled])
    pays = f"pays after {compiling / (before - after):,.0f} steps" if after < before else "never pays"
    return f"{1000 * before:.1f} ms, compiled {1000 * after:.1f} ms ({before / after:.2f} x), {compiling:.0f} s: {pays}"


def step_of(network: nn.Module, inputs: Tensor) -> Callable[[], None]:
    """Forward and backward, in bf16 where products are."""

    def step() -> None:
        network.zero_grad()
        with torch.autocast(inputs.device.type, torch.bfloat16):
            features = network(inputs)
        features.float().square().mean().backward()

    return step


if __name__ == "__main__":
    main()
