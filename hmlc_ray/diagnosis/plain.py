"""A diagnosis as plain values, for JSON; `docs/diagnosis.md` has its keys."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from hmlc_ray.diagnosis.confusions import level_of
from hmlc_ray.diagnosis.distances import QUANTILES, TreeDistances
from hmlc_ray.diagnosis.mask_probes import MaskProbes
from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.diagnosis.spectra import Spectrum
from hmlc_ray.taxonomy import Taxonomy


def plain(diagnosis: Diagnosis) -> dict[str, Any]:
    """Numbers, texts, lists and mappings; an undefined number is None."""
    taxonomy, sizes = diagnosis.taxonomy, diagnosis.mask_sizes
    values = {
        "split": diagnosis.split,
        "samples": diagnosis.samples,
        "levels": list(taxonomy.level_names),
        "masks_on": diagnosis.masks_on,
        "evaluation": diagnosis.evaluation,
        "metrics": diagnosis.metrics(),
        "features": _spectrum(diagnosis.features),
        "embedding": _spectrum(diagnosis.embedding),
        "scatter": [asdict(scatter) for scatter in diagnosis.scatter],
        "masks": diagnosis.masks,
        "mask_probes": None if diagnosis.mask_probes is None else _mask_probes(diagnosis.mask_probes),
        "mask_sizes": None if sizes is None else {"epochs": sizes.epochs, "dims": sizes.dims},
        "top_confusions": [asdict(confusion) for confusion in diagnosis.top_confusions],
        "tree_distances": [] if diagnosis.distances is None else _distances(diagnosis.distances, taxonomy),
        "map": {"samples": len(diagnosis.sample_map.rows), "method": diagnosis.sample_map.method},
    }
    return {name: _plain(value) for name, value in values.items()}


def _spectrum(spectrum: Spectrum) -> dict[str, Any]:
    return {"effective_rank": spectrum.effective_rank, "deviations": spectrum.deviations}


def _mask_probes(probes: MaskProbes) -> dict[str, Any]:
    return {
        "dims": probes.members.sum(axis=1),
        "on_mask": probes.inside,
        "on_complement": probes.outside,
        "on_all": probes.whole,
        "most_frequent_class": probes.majority,
    }


def _distances(distances: TreeDistances, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    return [
        {
            "lca_height": height,
            "lca_level": level_of(taxonomy, height),
            "pairs": len(values),
            "quantiles": {f"{q:g}": float(np.quantile(values, q)) for q in QUANTILES},
        }
        for height, values in distances.by_height().items()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value
