"""DGCNN: edge convolutions over graphs of nearest neighbours that are drawn again in every layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from hmlc_ray.config.encoder import DgcnnConfig
from hmlc_ray.encoders.base import Encoder
from hmlc_ray.encoders.mlp import hidden_layers
from hmlc_ray.encoders.points import PointMlp, clouds_at_once, max_over_points, point_channels

_SLOPE = 0.2
_DISTANCES_AT_ONCE = 1 << 16  # per cloud


class Dgcnn(Encoder):
    """DGCNN (arXiv 1801.07829) without its spatial transform: what every edge convolution gave, joined and pooled."""

    capturable = True

    def __init__(self, config: DgcnnConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if `input_shape` is not (points, 3 or 6)."""
        super().__init__()
        self.feature_dim, self.max_batch = config.feature_dim, clouds_at_once(input_shape)
        before = point_channels(config.kind, input_shape)
        widths = [config.width * 2 ** (layer // 2) for layer in range(config.depth)]
        self.edges = nn.ModuleList()
        for width in widths:
            self.edges.append(EdgeConv(before, width, config.neighbours))
            before = width
        self.points = PointMlp([sum(widths), config.pooled_dim])
        self.project = nn.Sequential(
            *hidden_layers([2 * config.pooled_dim, config.pooled_dim]), nn.Linear(config.pooled_dim, config.feature_dim)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        # The first graph is of positions in space; a normal does not make a neighbour.
        points, positions, found = inputs, inputs[..., :3], []
        for edge in self.edges:
            points = edge(points, positions)
            positions = points
            found.append(points)
        pooled = self.points(torch.cat(found, dim=2))
        largest = max_over_points(pooled, training=self.training)
        features: Tensor = self.project(torch.cat([largest, pooled.mean(dim=1)], dim=1))
        return features


class EdgeConv(nn.Module):
    """x_i to act(norm(max over neighbours j of W [x_i, x_j - x_i])).

    W [x_i, x_j - x_i] = A x_i + B x_j, so the maximum is A x_i + max_j B x_j: no tensor of all edges is ever made. The
    paper normalises edges before the maximum, which needs that tensor; here the maximum is normalised.
    """

    def __init__(self, channels: int, width: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.own = nn.Linear(channels, width, bias=False)
        self.other = nn.Linear(channels, width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, points: Tensor, positions: Tensor) -> Tensor:
        """[n, points, channels] to [n, points, width]; neighbours are near in `positions`, [n, points, any]."""
        other = self.other(points)
        with torch.no_grad():
            best = strongest_neighbour(other, nearest(positions, self.neighbours))
        edges = (self.own(points) + other.gather(1, best)).flatten(0, 1)
        result: Tensor = leaky_relu(self.norm(edges), _SLOPE).view_as(other)
        return result


def nearest(positions: Tensor, count: int) -> Tensor:
    """The nearest points of each point, itself among them: float [n, points, any] to int64 [n, points, count].

    Distances are computed for a block of points at a time, so memory grows with the points and not with their square.
    """
    positions = positions.float()
    squares = positions.square().sum(dim=2).unsqueeze(1)
    size = max(1, _DISTANCES_AT_ONCE // positions.shape[1])
    blocks = [
        # The square of the point itself would add the same to all its distances.
        torch.baddbmm(squares, block, positions.transpose(1, 2), alpha=-2).topk(count, dim=2, largest=False).indices
        for block in torch.split(positions, size, dim=1)
    ]
    return torch.cat(blocks, dim=1)


def strongest_neighbour(values: Tensor, neighbours: Tensor) -> Tensor:
    """Which neighbour has the largest value: [n, points, C] and int64 [n, points, k] to int64 [n, points, C].

    One neighbour after the other is compared, which takes k times less memory than all at once.
    """
    winner = neighbours[..., :1].expand_as(values)
    best = values.gather(1, winner)
    for candidate in torch.split(neighbours[..., 1:], 1, dim=2):
        index = candidate.expand_as(values)
        value = values.gather(1, index)
        winner = torch.where(value > best, index, winner)
        best = torch.maximum(value, best)
    return winner
