"""Learner: encoder, projection head and objective as one module, wrapped whole in DDP."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hmlc_ray.compute import distributed
from hmlc_ray.config.levels import check_dims
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.column_statistics import column_statistics
from hmlc_ray.encoders import build_encoder, build_head, embedding_dim
from hmlc_ray.encoders.standardise import Standardise
from hmlc_ray.objectives import build_objective
from hmlc_ray.objectives.base import Batch, Dims, LossReport, Objective
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.graphs import GraphedNetwork, forget, graphed


class Learner(nn.Module):
    """What is trained.

    Gathering over workers happens in `forward`, so an objective sees one global batch. It is part of the module
    because A-HMLC and the classifiers have parameters, which DDP must synchronise as well.
    """

    leaf_paths: Tensor

    def __init__(self, encoder: nn.Module, head: nn.Module, objective: Objective, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.objective = objective
        self.register_buffer("leaf_paths", torch.from_numpy(taxonomy.leaf_paths.copy()), persistent=False)
        self._graph: GraphedNetwork | None = None

    def forward(self, views: Tensor, leaf: Tensor, instance: Tensor, *, amp: bool = False) -> LossReport:
        """The loss of the global batch.

        Args:
            views: float [V, B, ...], V random views of this worker's B samples.
            leaf: int64 [B].
            instance: int64 [B], indices in the training split; distinguishes views of one sample from others.
            amp: run encoder and head in bfloat16; the objective is always computed in float32.
        """
        count, whole = len(views), not self.objective.needs_features
        found = self._front(views.flatten(0, 1), amp=amp)
        with _precision(views.device, amp=amp):
            embeddings = found if whole else self.head(found)
        draw = torch.arange(len(leaf), device=leaf.device) + (distributed.rank() << 32)
        labels = torch.stack([leaf, instance, draw], dim=1).repeat(count, 1)
        leaf, instance, draw = distributed.all_gather_rows(labels).unbind(1)
        return self.objective.forward(
            Batch(
                embeddings=distributed.all_gather_rows(embeddings.float()),
                paths=self.leaf_paths[leaf],
                instance=instance,
                features=None if whole else distributed.all_gather_rows(found.float()),
                draw=draw,
            )
        )

    def replay(self, shape: torch.Size, *, amp: bool, taken: int = 0) -> None:
        """Make a CUDA graph of what passes on batches of views of this shape launch, where the encoder allows it.

        Args:
            shape: [V, B, ...].
            amp: as in `forward`.
            taken: the bytes of the GPU that an epoch took at once, beside what is held now.

        Raises:
            TrainingError: if the encoder says that it allows it, and does not.
        """
        device = self.leaf_paths.device
        # A subclass may do what the class that it extends does not.
        if device.type == "cuda" and type(self.encoder).__dict__.get("capturable", False):
            self.train()
            inputs = torch.zeros(shape, device=device).flatten(0, 1)
            network = self.encoder if self.objective.needs_features else nn.ModuleList([self.encoder, self.head])
            self._graph = graphed(lambda views: self._launched(views, amp=amp), network, inputs, taken)

    @property
    def replays(self) -> bool:
        """Whether there is such a graph."""
        return self._graph is not None

    def launch(self) -> None:
        """No longer replay: the graph and its memory are given up."""
        if self._graph is not None:
            self._graph = None
            self.zero_grad()  # gradients lie in the graph's memory
            forget()

    def _front(self, inputs: Tensor, *, amp: bool) -> Tensor:
        if self._graph is not None and self.training and self._graph.fits(inputs):
            return self._graph(inputs)
        return self._launched(inputs, amp=amp)

    def _launched(self, inputs: Tensor, *, amp: bool) -> Tensor:
        """What the objective's gradient goes through: the features, or the embeddings of an objective without them."""
        with _precision(inputs.device, amp=amp):
            features: Tensor = self.encoder(inputs)
            return features if self.objective.needs_features else self.head(features)


def _precision(device: torch.device, *, amp: bool) -> torch.autocast:
    # A graph could not keep the cache of casts; no weight is cast twice in a pass.
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=amp, cache_enabled=False)


def build_learner(config: TrialConfig, data: DataSet) -> Learner:
    """The learner that a configuration describes, freshly initialised from torch's global generator.

    Raises:
        ConfigError: if the configuration does not fit the data, or there is nothing to train.
    """
    encoder = build_encoder(config.encoder, data.input_shape)
    scaling = getattr(encoder, "scaling", None)
    if isinstance(scaling, Standardise) and getattr(config.data, "standardise", False):
        mean, deviation, _ = column_statistics(data.train)
        scaling.set(mean, deviation)
    counts = data.taxonomy.class_counts(data.train.leaf.cpu().numpy())
    dims = Dims(data.taxonomy, counts, embedding_dim(config.head, encoder.feature_dim), encoder.feature_dim)
    check_dims(config, dims.embedding_dim, data.taxonomy.num_levels)
    objective = build_objective(config.objective, dims)
    return Learner(encoder, build_head(config.head, encoder.feature_dim), objective, data.taxonomy)
