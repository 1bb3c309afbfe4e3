"""The result of a diagnosis: arrays, apart from how they are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hmlc_ray.arrays import FloatArray
from hmlc_ray.diagnosis.confusions import TopConfusion
from hmlc_ray.diagnosis.distances import TreeDistances
from hmlc_ray.diagnosis.mask_probes import MaskProbes
from hmlc_ray.diagnosis.mask_sizes import MaskSizes
from hmlc_ray.diagnosis.sample_map import SampleMap
from hmlc_ray.diagnosis.spectra import Scatter, Spectrum
from hmlc_ray.evaluation.confusions import Matrix
from hmlc_ray.names.counts import many
from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What one split shows of a trained encoder; what is undefined for the run is None."""

    split: Literal["val", "test"]
    taxonomy: Taxonomy
    samples: int
    """Samples of the split."""
    evaluation: dict[str, float]
    """What `hmlc probe` reports: `<split>/<metric>/<level>`."""
    masks_on: Literal["features", "embedding"]
    """What the masks select dimensions of: the features themselves where there is no projection head."""
    features: Spectrum
    embedding: Spectrum
    """The same as `features` where there is no projection head."""
    scatter: tuple[Scatter, ...]
    """Between-class scatter of the features, per level, coarsest first."""
    masks: FloatArray | None
    """M, float64 [H, D]; of `a-hmlc` the mean gates. None where the objective has no masks."""
    mask_probes: MaskProbes | None
    """None also where no mask distinguishes dimensions, as before the first fit."""
    mask_sizes: MaskSizes | None
    """None also where the run's epochs are not known."""
    leaf_confusion: Matrix
    """Counts of the leaf level's probe, in the order of the classes; `taxonomy.class_order` gives the tree's."""
    top_confusions: tuple[TopConfusion, ...]
    """The most frequent mistakes, most frequent first."""
    distances: TreeDistances | None
    """None where the split has samples of a single leaf."""
    sample_map: SampleMap
    folder: Path | None = None
    """Where pictures and tables were written; None: nowhere."""
    run_id: str | None = None
    """The MLflow run that has them; None: they were not logged."""

    def metrics(self) -> dict[str, float]:
        """The scalars, by the names that they have in MLflow (`docs/metrics.md`); undefined ones are left out."""
        names = self.taxonomy.level_names
        found = {
            "effective_rank/features": self.features.effective_rank,
            "effective_rank/embedding": self.embedding.effective_rank,
        }
        for name, scatter in zip(names, self.scatter, strict=True):
            found[f"scatter_rank/{name}"] = float(scatter.rank)
            found[f"scatter_effective_rank/{name}"] = scatter.effective_rank
        if self.mask_probes is not None:
            tables = {"mask_probe_top1": self.mask_probes.inside, "complement_probe_top1": self.mask_probes.outside}
            for table, values in tables.items():
                for h, row in enumerate(values.tolist()):
                    found |= {f"{table}/{h}/{name}": value for name, value in zip(names, row, strict=True)}
        return {f"{self.split}/{name}": value for name, value in found.items() if not math.isnan(value)}

    def __repr__(self) -> str:
        """A line; the arrays are pictures' worth."""
        return (
            f"Diagnosis({self.split}: {many(self.samples, 'sample')}, effective rank "
            f"{self.features.effective_rank:.1f})"
        )
