"""From what was encoded to a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from hmlc_ray.arrays import FloatArray
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.diagnosis.confusions import top_confusions
from hmlc_ray.diagnosis.distances import tree_distances
from hmlc_ray.diagnosis.mask_probes import fewer, probe_masks
from hmlc_ray.diagnosis.mask_sizes import MaskSizes
from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.diagnosis.sample_map import sample_map
from hmlc_ray.diagnosis.spectra import scatters_of, spectrum_of
from hmlc_ray.evaluation.embed import embed
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.evaluation.judge import FrozenSplits, judge_frozen
from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class Subject:
    """What is diagnosed."""

    splits: FrozenSplits
    """Features f, of the training, validation and judged samples."""
    taxonomy: Taxonomy
    head: nn.Module
    """The projection head; `nn.Identity` where there is none."""
    masks: FloatArray | None
    """M, float64 [H, D]."""
    mask_sizes: MaskSizes | None


def diagnose_frozen(
    subject: Subject, config: TrialConfig, device: torch.device, *, chosen: tuple[float, ...] | None
) -> Diagnosis:
    """Diagnose frozen features.

    Args:
        config: of the run; its probes choose C on validation where it has one.
        chosen: C per level of the probes on all features; None: chosen on validation.
    """
    splits, taxonomy, judged = subject.splits, subject.taxonomy, subject.splits.judged
    evaluation = judge_frozen(splits, taxonomy, config.with_regularisation(chosen), device, full=True)
    embedded = splits if isinstance(subject.head, nn.Identity) else through_head(subject.head, splits, device)
    probes = None
    if subject.masks is not None:
        probes = probe_masks(fewer(embedded, config.seed), subject.masks, taxonomy, config.evaluation, device)
    features = spectrum_of(judged, config.seed)
    leaf_confusion = evaluation.confusion[taxonomy.level_names[-1]]
    return Diagnosis(
        split=splits.name,
        taxonomy=taxonomy,
        samples=len(judged.paths),
        evaluation=evaluation.metrics,
        masks_on="features" if embedded is splits else "embedding",
        features=features,
        embedding=features if embedded is splits else spectrum_of(embedded.judged, config.seed),
        scatter=scatters_of(judged, taxonomy),
        masks=subject.masks,
        mask_probes=probes,
        mask_sizes=subject.mask_sizes,
        leaf_confusion=leaf_confusion,
        top_confusions=top_confusions(taxonomy, leaf_confusion),
        distances=tree_distances(taxonomy, judged, config.seed),
        sample_map=sample_map(judged, config.seed),
    )


def through_head(head: nn.Module, splits: FrozenSplits, device: torch.device) -> FrozenSplits:
    """The embeddings z of features f, [n, D]; the head lies on `device`."""

    def embedded(part: Frozen) -> Frozen:
        return Frozen(embed(head, torch.from_numpy(part.features), device, prepare=_unchanged), part.paths)

    val = None if splits.val is None else embedded(splits.val)
    train = embedded(splits.train)
    judged = val if val is not None and splits.judged is splits.val else embedded(splits.judged)
    return replace(splits, train=train, val=val, judged=judged)


def _unchanged(rows: Tensor) -> Tensor:
    return rows
