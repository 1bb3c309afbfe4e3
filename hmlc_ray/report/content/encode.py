"""Encoding samples of the judged split again; only this module of a report loads torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from hmlc_ray.arrays import IntArray
from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import select, stratified_subset
from hmlc_ray.diagnosis.compute import through_head
from hmlc_ray.diagnosis.mask_probes import probe_masks
from hmlc_ray.diagnosis.sample_map import sample_map
from hmlc_ray.diagnosis.spectra import spectrum_of
from hmlc_ray.evaluation.judge import FrozenSplits, fit_levels, freeze
from hmlc_ray.evaluation.predictions import Predictions, predict
from hmlc_ray.report.content.samples import MOST_JUDGED, MOST_LEARNT, Dimensions, Sample, Samples
from hmlc_ray.report.content.thumbnails import thumbnails
from hmlc_ray.report.limits import Limits
from hmlc_ray.runs.single import own_data
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export import encoder_of, head_of
from hmlc_ray.training.seeding import kernels

SMALL, LARGE = 32, 64
"""Pixels of thumbnails."""
_MOST_PROBED = 2_000
"""Leaves beyond which a probe from `MOST_LEARNT` samples takes minutes, and knows little of most of them."""
_MOST_LEAVES, _MOST_LEVELS = 300, 6
"""Beyond them, probes on each mask and its complement at each level take minutes."""


def samples_of(checkpoint: Checkpoint, workspace: Workspace, split: Literal["val", "test"], limits: Limits) -> Samples:
    """Encode a split with a checkpoint's encoder.

    Raises:
        CheckpointError: if the data changed since it was trained.
        UserError: if the data is not there any more, or cannot be read.
        TrainingError: if a feature is not finite.
    """
    config, data = own_data(checkpoint, "the encoder", workspace)
    part = data.test if split == "test" else data.val
    assert part is not None, "a run that trains on the validation split is judged on test"
    rows = stratified_subset(part.leaf.cpu().numpy(), MOST_JUDGED, (config.seed,))
    own = select(part, rows)
    fewer = replace(data, test=own) if split == "test" else replace(data, val=own)
    config = _quick(config.with_regularisation(checkpoint.chosen_regularisation))
    device = resolve_device(config.training.device if torch.cuda.is_available() else "cpu")
    with kernels(config.training, device):
        encoder = encoder_of(checkpoint).to(device)
        splits = freeze(encoder, fewer, config, split=split, device=device)
        predicted = None
        if data.taxonomy.num_leaves <= _MOST_PROBED:
            probes, standardised = fit_levels(splits, data.taxonomy, config.evaluation, device)
            predicted = predict(data.taxonomy, probes, standardised(splits.judged.features), ranks=1)
        dimensions = _dimensions(checkpoint, splits, config, device)
    encoded = _Encoded(data, part, rows, splits, predicted)
    return _sampled(encoded, config.seed, limits, dimensions)


def _dimensions(checkpoint: Checkpoint, splits: FrozenSplits, config: TrialConfig, device: torch.device) -> Dimensions:
    """What the dimensions know; probes on the masks are left out where the classes are too many for so many probes."""
    taxonomy, masks = checkpoint.taxonomy, checkpoint.state.get("masks")
    used = spectrum_of(splits.judged, config.seed).effective_rank
    total = splits.judged.features.shape[1]
    if masks is None or taxonomy.num_leaves > _MOST_LEAVES or taxonomy.num_levels > _MOST_LEVELS:
        return Dimensions(used, total)
    embedded = through_head(head_of(checkpoint, total).to(device), splits, device)
    found = probe_masks(embedded, masks.double().numpy(), taxonomy, config.evaluation, device)
    if found is None:
        return Dimensions(used, total)
    inside, outside = (tuple(map(tuple, table.tolist())) for table in (found.inside, found.outside))
    return Dimensions(used, total, inside, outside, tuple(found.majority.tolist()))


@dataclass(frozen=True, eq=False)
class _Encoded:
    """A split, or a part of it, with what the probes say."""

    data: DataSet
    part: Split
    rows: IntArray
    splits: FrozenSplits
    predicted: Predictions | None
    """None where no probe was fitted."""

    def samples(self, chosen: IntArray, side: int, pictures: int) -> tuple[Sample, ...]:
        """Samples by their positions in what was encoded; the first so many have thumbnails."""
        taxonomy, index = self.data.taxonomy, torch.from_numpy(self.rows[chosen])
        drawn = thumbnails(self.part.at(index[:pictures]).cpu(), side) if pictures else []
        names = _names(self.part, index, self.splits.name)
        paths, found = self.splits.judged.paths, []
        for at, row in enumerate(chosen.tolist()):
            said: tuple[tuple[str, ...], float] = ((), 0.0)
            if self.predicted is not None:
                said = _classes(taxonomy, self.predicted.own[row]), float(self.predicted.confidence[row, -1])
            thumbnail = drawn[at] if at < len(drawn) else None
            found.append(Sample(names[at], _classes(taxonomy, paths[row]), *said, thumbnail))
        return tuple(found)

    def hardest(self, most: int) -> tuple[IntArray, int | None]:
        """The samples whose leaf is wrong, the most confident first, int64 [k]; and how many there are in all."""
        if self.predicted is None:
            return np.zeros(0, dtype=np.int64), None
        confidence = self.predicted.confidence[:, -1]
        wrong = np.flatnonzero(self.predicted.own[:, -1] != self.splits.judged.paths[:, -1])
        return wrong[np.argsort(-confidence[wrong], kind="stable")[:most]], len(wrong)


def _quick(config: TrialConfig) -> TrialConfig:
    """The configuration, with fewer samples for the probes to learn from."""
    most = min(config.evaluation.probe_max_samples, MOST_LEARNT)
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"probe_max_samples": most})})


def _sampled(encoded: _Encoded, seed: int, limits: Limits, dimensions: Dimensions) -> Samples:
    judged = encoded.splits.judged
    shown = stratified_subset(judged.paths[:, -1], limits.points, (seed,))
    found = sample_map(replace(judged, features=judged.features[shown], paths=judged.paths[shown]), seed)
    hardest, wrong = encoded.hardest(limits.hardest)
    spread = (found.points - found.points.min(axis=0)) / np.maximum(np.ptp(found.points, axis=0), 1e-12)
    return Samples(
        encoded.splits.name,
        encoded.data.taxonomy.level_names,
        len(judged.paths),
        tuple((round(x, 4), round(y, 4)) for x, y in spread.tolist()),
        encoded.samples(shown[found.rows], SMALL, limits.thumbnails),
        found.method,
        encoded.samples(hardest, LARGE, len(hardest)),
        wrong,
        dimensions,
    )


def _names(part: Split, index: torch.Tensor, split: str) -> list[str]:
    rows = (index if part.rows is None else part.rows[index]).tolist()
    if part.paths is None:
        return [f"{split} sample {number}" for number in index.tolist()]
    return [part.paths[row] for row in rows]


def _classes(taxonomy: Taxonomy, path: IntArray) -> tuple[str, ...]:
    return tuple(names[number] for names, number in zip(taxonomy.class_names, path.tolist(), strict=True))
