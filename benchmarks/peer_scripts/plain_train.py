"""A contrastive training loop as one writes it from the libraries' documentation, without this package.

    python benchmarks/peer_scripts/plain_train.py --learning-rate 0.003 --temperature 0.1 [--epochs 20]

The work of a trial of `search_spaces/digits.yaml`: the same network, batches of 256 digits in two views (torchvision's
transforms in a DataLoader), SupCon at both levels (pytorch-metric-learning), AdamW, and every five epochs a linear
probe per level (scikit-learn).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from pytorch_metric_learning.losses import SupConLoss
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import hmlc_ray.compute.torchvision_shim  # noqa: F401  # else a torchvision of another build cannot be imported

# isort: split
from torchvision.transforms import v2


class TwoViews(Dataset):
    """Digits of the training split, each in two random views, with the labels of both levels."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.view = v2.Compose([v2.RandomResizedCrop(8, scale=(0.6, 1.0), antialias=True), v2.RandomRotation(10)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        image = self.images[index]
        return self.view(image), self.view(image), self.labels[index]


def network() -> nn.Sequential:
    """Three stages of 16 to 64 channels, then 128 features."""
    layers: list[nn.Module] = []
    channels = 1
    for stage in range(3):
        width = 16 * 2**stage
        layers += [nn.MaxPool2d(2)] if stage else []
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 128))


def train(
    learning_rate: float, temperature: float, epochs: int, report: Callable[[int, dict[str, float]], None]
) -> None:
    """Train; `report(epoch, metrics)` is called after each epoch, with accuracies after every fifth."""
    torch.set_num_threads(1)
    pixels, digit = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    labels = torch.tensor(np.stack([digit % 2, digit], axis=1))
    rest, held = train_test_split(np.arange(len(images)), test_size=0.4, stratify=digit, random_state=0)
    loader = DataLoader(TwoViews(images[rest], labels[rest]), batch_size=256, shuffle=True, drop_last=True)
    encoder, head = network(), nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128))
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=learning_rate)
    loss_of = SupConLoss(temperature=temperature)
    for epoch in range(1, epochs + 1):
        encoder.train()
        for first, second, classes in loader:
            embeddings = head(encoder(torch.cat([first, second])))
            loss = sum(loss_of(embeddings, level.repeat(2)) for level in classes.T)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        metrics = {"loss": float(loss)}
        if epoch % 5 == 0:
            metrics |= probe(encoder, images, labels, rest, held)
        report(epoch, metrics)


@torch.no_grad()
def probe(encoder: nn.Module, images: Tensor, labels: Tensor, rest: np.ndarray, held: np.ndarray) -> dict[str, float]:
    """Accuracy of a linear probe per level, and their mean."""
    encoder.eval()
    features = encoder(images).numpy()
    scores = [
        LogisticRegression(max_iter=1000).fit(features[rest], level[rest]).score(features[held], level[held])
        for level in labels.T.numpy()
    ]
    return {"parity": scores[0], "digit": scores[1], "accuracy": float(np.mean(scores))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    train(
        arguments.learning_rate,
        arguments.temperature,
        arguments.epochs,
        lambda epoch, metrics: print(epoch, metrics, flush=True),
    )
