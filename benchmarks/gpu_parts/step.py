"""Images per second of the whole training step, against a bare loop and a loop of the usual kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from gpu_parts.made import taxonomy_of
from gpu_parts.rows import Bench, Row, Values, data_of, median_seconds
from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.encoders import build_encoder, build_head
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import SECONDS, fit
from hmlc_ray.training.optimiser import build_optimiser
from hmlc_ray.training.seeding import kernels

PART = "step"
VIEWS = {"crop_scale": [0.2, 1.0], "flip": 0.5, "color_jitter": 0.5, "grayscale": 0.2}
"""SimCLR's for small images (arXiv 2002.05709, appendix B.9), without blur."""
TEMPERATURE = 0.1


def rows(bench: Bench) -> list[Row]:
    """The rows of this part."""
    sizes = (32,) if bench.quick else (512, 1024)
    objectives = ("supcon", "g-hmlc") if bench.quick else ("supcon", "sum-supcon", "g-hmlc", "a-hmlc", "hmce")
    every = [Row(PART, f"{kind}, batch {n}", _against_bare(kind, n), seconds=15) for n in sizes for kind in objectives]
    return [*every, Row(PART, f"supcon against a usual loop, batch {sizes[0]}", _against_usual(sizes[0]), seconds=20)]


def _config(kind: str, batch: int, bench: Bench, epochs: int) -> TrialConfig:
    return TrialConfig.model_validate(
        {
            "data": {"train_on": "train+val"},
            "views": VIEWS,
            "encoder": {"kind": "convnet", "width": 8} if bench.quick else {"kind": "resnet18"},
            "head": {"hidden_dim": 512, "embedding_dim": 128},
            "objective": {"kind": kind},
            "optimiser": {"kind": "sgd", "learning_rate": 0.05},
            "training": {
                "epochs": epochs,
                "global_batch_size": batch,
                "device": bench.device.type,
                "amp": "bf16",
                "deterministic": False,
            },
            "evaluation": {"chosen_regularisation": [0.1, 0.1, 0.1], "every": epochs},
        }
    )


def _images(count: int) -> DataSet:
    """Noise with the shape of CIFAR-100; nothing is held out, so that nothing is judged."""
    random = np.random.default_rng(0)
    taxonomy = taxonomy_of((4, 5, 5))
    leaf = torch.from_numpy(random.integers(0, taxonomy.num_leaves, count))
    split = Split(torch.from_numpy(random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)), leaf)
    return DataSet(taxonomy, split, None, split, fingerprint="noise")


def _ours(kind: str, batch: int, bench: Bench) -> float:
    """Images per second of the median epoch but the first; two views are one image."""
    epochs, steps = (3, 2) if bench.quick else (5, 16)
    data = _images(batch * steps)
    seconds: list[float] = []

    def report(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        bench.synchronise()
        seconds.append(record.metrics[SECONDS])

    with data_of(data):
        fit(_config(kind, batch, bench, epochs), report)
    return batch * steps / sorted(seconds[1:])[len(seconds[1:]) // 2]


def _network(batch: int, bench: Bench) -> tuple[nn.Module, torch.optim.Optimizer]:
    config = _config("supcon", batch, bench, 2)
    encoder = build_encoder(config.encoder, (3, 32, 32))
    network = nn.Sequential(encoder, build_head(config.head, encoder.feature_dim)).to(bench.device).train()
    return network, build_optimiser(config.optimiser, network)


def supcon(embeddings: Tensor, leaf: Tensor) -> Tensor:
    """SupCon (arXiv 2004.11362, eq. 2) in plain torch."""
    z = functional.normalize(embeddings.float(), dim=1)
    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (z @ z.T / TEMPERATURE).masked_fill(own, float("-inf"))
    positives = (leaf[:, None] == leaf[None, :]) & ~own
    log_p = torch.log_softmax(logits, dim=1).masked_fill(~positives, 0.0)
    return -(log_p.sum(dim=1) / positives.sum(dim=1)).mean()


def _bare(batch: int, bench: Bench) -> float:
    """Images per second of the same network on fixed tensors: no views, no loading, nothing recorded."""
    network, optimiser = _network(batch, bench)
    views = torch.randn(2 * batch, 3, 32, 32, device=bench.device)
    leaf = torch.arange(batch, device=bench.device).remainder(100).repeat(2)

    def step() -> None:
        with torch.autocast(bench.device.type, dtype=torch.bfloat16):
            embeddings = network(views)
        optimiser.zero_grad(set_to_none=True)
        supcon(embeddings, leaf).backward()
        optimiser.step()

    return batch / median_seconds(step, bench, repeats=1 if bench.quick else 8)


def _against_bare(kind: str, batch: int) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        with kernels(_config("supcon", batch, bench, 2).training, bench.device):
            before, own, after = _bare(batch, bench), _ours(kind, batch, bench), _bare(batch, bench)
        bare = (before + after) / 2
        return {"images/s": own, "bare images/s": bare, "ratio": own / bare}

    return measure


class _Pictures(Dataset[tuple[Tensor, Tensor, int]]):
    """Images as most loops read them: decoded ones, each augmented twice by itself."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(0)
        self._pixels = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        self._leaf = random.integers(0, 100, count)
        t = torchvision.transforms
        jitter = t.RandomApply([t.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
        self._transform = t.Compose(
            [
                t.ToPILImage(),
                t.RandomResizedCrop(32, scale=(0.2, 1.0)),
                t.RandomHorizontalFlip(),
                jitter,
                t.RandomGrayscale(0.2),
                t.ToTensor(),
                t.Normalize((0.5,) * 3, (0.5,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self._leaf)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        pixels = self._pixels[index]
        return self._transform(pixels), self._transform(pixels), int(self._leaf[index])


def _usual(batch: int, bench: Bench) -> float:
    """Images per second of a loop in the manner of lightly's examples: a DataLoader whose processes make two views."""
    workers, steps = (0, 2) if bench.quick else (12, 24)
    network, optimiser = _network(batch, bench)
    loader = DataLoader(
        _Pictures(batch * steps),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        pin_memory=bench.device.type == "cuda",
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,
    )

    def epoch() -> None:
        for views in _sent(loader, bench):
            one, two, leaf = views
            with torch.autocast(bench.device.type, dtype=torch.bfloat16):
                embeddings = torch.cat([network(one), network(two)])
            loss = supcon(embeddings, leaf.repeat(2))
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    epoch()
    bench.synchronise()
    start = time.perf_counter()
    epoch()
    bench.synchronise()
    return batch * steps / (time.perf_counter() - start)


def _sent(loader: Any, bench: Bench) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for one, two, leaf in loader:
        yield (
            one.to(bench.device, non_blocking=True),
            two.to(bench.device, non_blocking=True),
            leaf.to(bench.device, non_blocking=True),
        )


def _against_usual(batch: int) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        with kernels(_config("supcon", batch, bench, 2).training, bench.device):
            usual, own = _usual(batch, bench), _ours("supcon", batch, bench)
        return {"images/s": own, "usual images/s": usual, "ratio": own / usual}

    return measure
