"""The tree that a data set is given, whatever kind of data set it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hmlc_ray.config.schema import kinds
from hmlc_ray.config.splits import SplitSection
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide
from hmlc_ray.data.trees import written_out
from hmlc_ray.errors import ConfigError, TaxonomyError
from hmlc_ray.taxonomies.named import digit_taxonomy
from hmlc_ray.taxonomy import Taxonomy

KINDS = kinds(TrialConfig.model_fields["data"])
OWN = Taxonomy.from_paths(("realm", "kind", "leaf"), [(f"r{c // 4}", f"k{c // 2}", f"l{c}") for c in range(8)])
OTHER = Taxonomy.from_paths(("size", "leaf"), [(f"s{c % 2}", f"l{c}") for c in range(8)])


def divided(kind: str, **keys: Any) -> DataSet:
    """What `divide`, where every reader of a data set ends, makes of 8 leaves with 6 samples each."""
    fields = KINDS[kind].model_fields.items()
    required = {name: (field.examples or ["x"])[0] for name, field in fields if field.is_required()}
    config = TrialConfig.model_validate({"data": {"kind": kind, **required, **keys}}).data
    assert isinstance(config, SplitSection)
    leaf = torch.arange(8).repeat_interleave(6)
    return divide(config, OWN, Split(leaf[:, None].float(), leaf))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_is_given_the_tree(kind: str, tmp_path: Path) -> None:
    plain = divided(kind)
    assert plain.taxonomy.to_dict() == OWN.to_dict()
    (tmp_path / "t.csv").write_text("leaf,size\n" + "".join(f"l{c},s{c % 2}\n" for c in reversed(range(8))))
    read = divided(kind, taxonomy={"kind": "file", "file": str(tmp_path / "t.csv")})
    assert read.taxonomy.named_paths() == OTHER.named_paths(), "leaves keep their numbers"
    made = divided(kind, taxonomy={"kind": "induced", "tree": written_out(OTHER).model_dump(mode="json")})
    assert made.fingerprint == read.fingerprint != plain.fingerprint
    kept = divided(kind, keep_levels=["leaf", "realm"])
    assert (kept.taxonomy.level_names, kept.taxonomy.num_classes) == (("realm", "leaf"), (2, 8))
    control = divided(kind, keep_levels=["leaf", "realm"], taxonomy={"shuffled": True, "shuffle_seed": 1})
    assert control.taxonomy.num_classes == (2, 8)
    assert control.taxonomy.leaf_paths.tolist() != kept.taxonomy.leaf_paths.tolist()
    for data in (read, made, kept, control):
        assert data.taxonomy.class_names[-1] == OWN.class_names[-1]
        torch.testing.assert_close(data.train.leaf, plain.train.leaf)


def test_the_own_tree_of_several_is_named() -> None:
    data = load_data(TrialConfig.model_validate({"data": {"taxonomy": {"name": "magnitude", "shuffled": True}}}).data)
    tree = digit_taxonomy("magnitude")
    assert data.taxonomy.level_names == tree.level_names
    np.testing.assert_array_equal(np.bincount(data.taxonomy.leaf_paths[:, 0]), np.bincount(tree.leaf_paths[:, 0]))


def test_a_tree_that_lacks_leaves_is_refused_and_one_that_has_others_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("leaf,size\n" + "".join(f"l{c},s\n" for c in range(7)))
    with pytest.raises(TaxonomyError, match=r"t.csv' lacks 1 of the 8 leaves of the data, 'l7' for one; it has l0, l1"):
        divided("digits", taxonomy={"kind": "file", "file": str(file)})
    file.write_text("leaf,size\n" + "".join(f"l{c},s{c % 3}\n" for c in range(10)))
    data = divided("digits", taxonomy={"kind": "file", "file": str(file)})
    assert data.taxonomy.num_classes == (3, 8)
    assert any("has 2 leaves that the data lacks, 'l8' for one" in note for note in data.notes)


def test_a_level_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="the levels are realm, kind, leaf"):
        divided("digits", keep_levels=["parity", "leaf"])
    with pytest.raises(TaxonomyError, match="has no classes above its leaves to shuffle them among"):
        divided("digits", keep_levels=["leaf"], taxonomy={"shuffled": True})


def test_a_tree_written_out_is_the_same_tree() -> None:
    repeated = Taxonomy.from_paths(("a", "b"), [("x", "1"), ("y", "1"), ("y", "2")])
    assert repeated.class_names[-1] == ("x/1", "y/1", "2")
    again = Taxonomy.from_paths(("a", "b"), repeated.named_paths())
    assert again.to_dict() == repeated.to_dict()
    assert again.digest == repeated.digest != OWN.digest
