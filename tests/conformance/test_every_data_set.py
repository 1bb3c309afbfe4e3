"""What every data set promises. One that reads files needs a few of them: `made/<kind>.py`, whose `make(folder)` writes
them and gives the values of the configuration."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
import torch
from conformance.members import EXAMPLES, built_by_table, member, own

from hmlc_ray.config.base import FEATURES, IMAGES, POINTS
from hmlc_ray.config.levels import level_names
from hmlc_ray.config.schema import SectionType, kind_of
from hmlc_ray.config.splits import DataSection
from hmlc_ray.data import BUILDERS, DataSet, Split, load_data

CLASSES = {str(kind_of(section)): section for section in (*own("data").values(), EXAMPLES["data"])}


@pytest.fixture(params=CLASSES)
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small set of each kind."""
    section: SectionType = CLASSES[request.param]
    module = f"conformance.made.{request.param.replace('-', '_')}"
    if find_spec(module) is None:
        assert not any(field.is_required() for field in section.model_fields.values()), f"write {module}"
        return member(section)
    make = resolve_name(f"{module}:make")
    return member(section, **make(*[tmp_path, monkeypatch][: len(inspect.signature(make).parameters)]))


def splits_of(data: DataSet) -> dict[str, Split]:
    found = {"train": data.train, "val": data.val, "test": data.test}
    return {name: split for name, split in found.items() if split is not None}


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {*BUILDERS} == built_by_table("data")


def test_it_is_what_its_configuration_says(config: Any) -> None:
    assert isinstance(config, DataSection)
    assert hash(config) == hash(config.model_copy())
    assert type(config).model_validate(config.model_dump(mode="json")) == config
    data = load_data(config)
    assert level_names(config) == data.taxonomy.level_names
    assert len(data.input_shape) == {IMAGES: 3, POINTS: 2, FEATURES: 1}[config.MODALITY]
    assert data.train.inputs.dtype == (torch.uint8 if config.MODALITY == IMAGES else torch.float32)


def test_every_leaf_is_learnt_and_every_sample_has_one(config: Any) -> None:
    data = load_data(config)
    assert data.val is not None
    assert {*data.train.leaf.tolist()} == {*range(data.taxonomy.num_leaves)}
    for split in splits_of(data).values():
        assert split.leaf.dtype == torch.int64
        assert len(split) > 0
        assert split.at(torch.arange(len(split))).shape == (len(split), *data.input_shape)
        assert data.taxonomy.paths(split.leaf.numpy()).shape == (len(split), data.taxonomy.num_levels)


def test_the_same_configuration_gives_the_same_data(config: Any) -> None:
    first, again = load_data(config), load_data(config)
    assert first.fingerprint == again.fingerprint
    for one, other in zip(splits_of(first).values(), splits_of(again).values(), strict=True):
        assert torch.equal(one.leaf, other.leaf)
        assert torch.equal(one.at(torch.arange(len(one))), other.at(torch.arange(len(other))))


def test_training_on_validation_too_joins_the_two_and_leaves_test_alone(config: Any) -> None:
    apart = load_data(config)
    joined = load_data(config.model_copy(update={"train_on": "train+val"}))
    assert apart.val is not None
    assert joined.val is None
    assert len(joined.train) == len(apart.train) + len(apart.val)
    assert sorted(joined.train.leaf.tolist()) == sorted([*apart.train.leaf.tolist(), *apart.val.leaf.tolist()])
    assert torch.equal(joined.test.leaf, apart.test.leaf)
    assert joined.fingerprint == apart.fingerprint


def test_drawn_splits_have_no_sample_in_common(config: Any) -> None:
    data = load_data(config)
    rows = [split.rows for split in splits_of(data).values()]
    if all(part is not None for part in rows) and data.val is not None and data.train.inputs is data.val.inputs:
        numbers = np.concatenate([data.train.rows.numpy(), data.val.rows.numpy()])  # type: ignore[union-attr]
        assert len({*numbers.tolist()}) == len(numbers)
