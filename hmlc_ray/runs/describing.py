"""What MLflow shows of a run beside its numbers: its data, and its searched parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.marks import OnDisk, marked
from hmlc_ray.data.base import DataSet
from hmlc_ray.names.cells import table_row
from hmlc_ray.tracking.operations import DatasetFacts


def dataset_facts(config: DataConfig, data: DataSet) -> DatasetFacts:
    """The data of a run: name, digest, source, and counts per split and level."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    counts = {f"samples in {name}": len(split) for name, split in splits.items() if split is not None}
    levels = zip(data.taxonomy.level_names, data.taxonomy.class_names, strict=True)
    classes = {f"classes of {level}": len(names) for level, names in levels}
    paths = [str(path) for _, path, _ in marked(config, OnDisk) if path is not None]
    return DatasetFacts(
        name=data_name(config),
        digest=data.fingerprint,
        source=paths[0] if paths else f"hmlc-ray: {config.kind}",
        profile={**counts, **classes},
        shape=data.input_shape,
        dtype=str(data.train.inputs.dtype).removeprefix("torch."),
    )


def searched_table(params: Mapping[str, object]) -> str:
    """Searched parameters as a table in Markdown."""
    rows = [table_row(f"`{name}`", _shown(value)) for name, value in params.items()]
    return "\n".join([table_row("searched", "value"), "|---|---|", *rows]) if rows else ""


def searched_first(params: Mapping[str, object], searched: Iterable[str]) -> dict[str, object]:
    """A trial's parameters, those that were searched first: MLflow shows them in the order in which they were logged.

    Args:
        searched: names as in the study, `objective[g-hmlc].mixture_components` for example.
    """
    paths = (re.sub(r"\[[^]]*\]|\.stick\d+$", "", name) for name in searched)
    first = {path: params[path] for path in paths if path in params}
    return {**first, **params}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"`{text}`" if "`" not in text and "|" not in text else "as in the parameters"
