"""Two-view batches: images per second against torchvision's v2 transforms in a DataLoader, and their share of a step;
opening a set of image files for the first time against the second time, when nothing is left to decode.

    python benchmarks/data.py [--size 32] [--batch 512] [--rounds 5] [--threads 1] [--files 4000]

Both sides make two views of every image with the same transforms (crop, flip, jitter, grayscale, blur) from uint8
tensors in memory: ours in the training process with `--threads` threads, theirs with two worker processes. Rounds
alternate between the two, so that load on the machine hits both; medians are printed. CPU time is taken on one thread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import hmlc_ray.compute.torchvision_shim  # noqa: F401
from hmlc_ray.config.data import ImageFolderConfig, ViewsConfig
from hmlc_ray.config.encoder import ConvNetConfig, ResNet18Config
from hmlc_ray.data import load_data
from hmlc_ray.data.base import Split
from hmlc_ray.data.loader import epoch_batches
from hmlc_ray.data.views import TwoViews, with_views
from hmlc_ray.encoders import build_encoder
from hmlc_ray.home import CACHE_VARIABLE

v2 = import_module("torchvision.transforms.v2")
VIEWS = ViewsConfig(crop_scale=(0.2, 1), flip=0.5, color_jitter=0.5, grayscale=0.2, blur=0.5)
WORKERS = 2
BATCHES = 8
STEPS = 8


class TwoViewsOfEach(Dataset[tuple[Tensor, Tensor]]):
    """What one would write with torchvision."""

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(images.shape[-1], scale=VIEWS.crop_scale, antialias=True),
                v2.RandomHorizontalFlip(VIEWS.flip),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], VIEWS.color_jitter_probability),
                v2.RandomGrayscale(VIEWS.grayscale),
                v2.RandomApply([v2.GaussianBlur(max(3, images.shape[-1] // 20 * 2 + 1), (0.1, 2.0))], VIEWS.blur),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.images[index]), self.transform(self.images[index])


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def cpu_seconds(run: Callable[[], object]) -> float:
    """Of this thread: hardly changed by other load."""
    start = time.thread_time()
    run()
    return time.thread_time() - start


def consume(batches: Iterator[object]) -> None:
    for _ in batches:
        pass


def compare_views(size: int, batch: int, rounds: int) -> None:
    count = batch * BATCHES
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8)
    split = Split(images, torch.zeros(count, dtype=torch.int64))
    views, generator = TwoViews(VIEWS), torch.Generator().manual_seed(0)
    order = np.arange(count).reshape(BATCHES, batch)
    loader = DataLoader(TwoViewsOfEach(images), batch, num_workers=WORKERS, persistent_workers=True)

    def ours() -> None:
        for inputs, _, _ in epoch_batches(split, order, torch.device("cpu")):
            views(inputs, generator)

    times: list[tuple[float, float]] = []
    for round_ in range(rounds + 1):
        pair = seconds(ours), seconds(lambda: consume(iter(loader)))
        times += [pair] * (round_ > 0)  # the first starts the workers
    mine, theirs = (count / median(side) for side in zip(*times, strict=True))
    ratio = median(slow / fast for fast, slow in times)
    print(f"two views {size}x{size}, batch {batch}: {mine:,.0f} images/s, torchvision {theirs:,.0f}: {ratio:.1f} x")


def compare_cpu_time(size: int, rounds: int) -> None:
    """CPU time per image (two views) on one thread, both in this process: hardly changed by other load."""
    images = torch.randint(256, (256, 3, size, size), dtype=torch.uint8)
    views, generator, theirs = TwoViews(VIEWS), torch.Generator().manual_seed(0), TwoViewsOfEach(images)

    def microseconds(run: Callable[[], object]) -> float:
        start = time.process_time()
        run()
        return (time.process_time() - start) / len(images) * 1e6

    pairs = [
        (microseconds(lambda: views(images, generator)), microseconds(lambda: [theirs[i] for i in range(len(images))]))
        for _ in range(rounds + 1)
    ][1:]
    mine, other = (median(side) for side in zip(*pairs, strict=True))
    print(f"CPU time of two views {size}x{size}: {mine:.0f} us, torchvision {other:.0f} us: {other / mine:.1f} x")


def share_of_step(config: ConvNetConfig | ResNet18Config, batch: int, rounds: int) -> None:
    """Training steps (encoder forward and backward) with fresh views, made ahead as in `fit`, against steps on a batch
    made before."""
    images = torch.randint(256, (batch, 3, 32, 32), dtype=torch.uint8)
    views, generator = TwoViews(VIEWS), torch.Generator().manual_seed(0)
    encoder = build_encoder(config, (3, 32, 32))
    made = views(images, generator)

    def step(batch_views: Tensor) -> None:
        encoder(batch_views.flatten(0, 1)).square().mean().backward()

    batches = [(images, torch.zeros(batch), torch.zeros(batch))] * STEPS

    def on_fixed() -> None:
        for _ in batches:
            step(made)

    def on_fresh() -> None:
        for fresh, _, _ in with_views(batches, views, generator):
            step(fresh)

    step(made)
    times = [(seconds(on_fixed), seconds(on_fresh)) for _ in range(rounds)]
    shares = sorted(fixed / fresh for fixed, fresh in times)
    milliseconds = median(fresh for _, fresh in times) / STEPS * 1e3
    print(
        f"{config.kind} step, batch {batch}: {milliseconds:.0f} ms with views, {median(shares):.0%} of the speed "
        f"without ({shares[0]:.0%} to {shares[-1]:.0%})"
    )
    work = [(cpu_seconds(lambda: step(made)), cpu_seconds(lambda: views(images, generator))) for _ in range(rounds)]
    on_step, on_views = (median(side) for side in zip(*work, strict=True))
    print(f"  in CPU time, one after the other: {on_step / (on_step + on_views):.0%}")


def compare_opening(files: int, rounds: int) -> None:
    """Loading photographs (JPEG, 128x128, to 64x64) before and after they are in the cache."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "images"
        for number in range(files):
            file = root / f"{number % 10}" / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC).save(file)
        times: list[tuple[float, float]] = []
        config = ImageFolderConfig(root=str(root), image_size=64)
        for round_ in range(rounds):
            os.environ[CACHE_VARIABLE] = str(Path(scratch) / f"cache{round_}")
            times.append((seconds(lambda: load_data(config)), seconds(lambda: load_data(config))))
    first, second = (median(side) for side in zip(*times, strict=True))
    ratio = median(slow / fast for slow, fast in times)
    print(f"{files:,} photographs: decoded in {first:.2f} s, opened again in {second:.3f} s: {ratio:.0f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32, help="pixels")
    parser.add_argument("--batch", type=int, default=512, help="images per batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of the training process")
    parser.add_argument("--files", type=int, default=4000, help="photographs that are decoded and opened again")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    compare_cpu_time(arguments.size, arguments.rounds)
    torch.set_num_threads(arguments.threads)
    compare_views(arguments.size, arguments.batch, arguments.rounds)
    share_of_step(ConvNetConfig(), 256, arguments.rounds)
    share_of_step(ResNet18Config(), 32, arguments.rounds)
    compare_opening(arguments.files, arguments.rounds)


if __name__ == "__main__":
    main()
