"""`data.taxonomy` and `data.keep_levels`, as configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.config.levels import check_trial, level_names
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import flatten, parse_override
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.taxonomy import InducedTaxonomyConfig, Tree
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError, DataError, TaxonomyError

KINDS = kinds(TrialConfig.model_fields["data"])
TREE = {"level_names": ["kind", "leaf"], "paths": [["even", "0"], ["odd", "1"]]}


def trial(data: dict[str, Any]) -> TrialConfig:
    config = validate(TrialConfig, {"data": data}, "t.yaml")
    again = TrialConfig.model_validate(json.loads(config.model_dump_json()))
    assert again == config
    assert hash(again.data) == hash(config.data)
    return config


def required(kind: str) -> dict[str, Any]:
    fields = KINDS[kind].model_fields.items()
    return {name: (field.examples or ["x"])[0] for name, field in fields if field.is_required()} | {"kind": kind}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "taxonomy",
    [{"kind": "induced", "from": "confusion"}, {"kind": "file", "file": "t.csv"}, {"shuffled": True}],
    ids=["induced", "file", "own"],
)
def test_every_kind_of_data_takes_every_kind_of_tree(kind: str, taxonomy: dict[str, Any]) -> None:
    config = trial({**required(kind), "taxonomy": taxonomy, "keep_levels": ["leaf"]})
    dumped = config.model_dump(mode="json")["data"]["taxonomy"]
    assert taxonomy.items() <= dumped.items()
    assert flatten(config)["data.taxonomy.kind"] == taxonomy.get("kind", "own")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"taxonomy": "x"}, 'data.taxonomy must be one of parity, magnitude, or a section of keys, got "x"'),
        ({"taxonomy": None}, "data.taxonomy must be one of parity, magnitude, or a section of keys, got null"),
        (
            {"kind": "image-folder", "root": "x", "taxonomy": "parity"},
            'data.taxonomy must be a section of keys, or null, got "parity"',
        ),
        (
            {"taxonomy": {"kind": "indced"}},
            "data.taxonomy.kind is \"indced\" (did you mean 'induced'?); the kinds are own, file, induced",
        ),
        ({"taxonomy": {"method": "divisive"}}, "unknown key data.taxonomy.method (it belongs to kind induced)"),
        ({"taxonomy": {"kind": "induced", "form": 1}}, "unknown key data.taxonomy.form (did you mean 'from'?)"),
        (
            {"taxonomy": {"kind": "induced", "from": "x"}},
            'data.taxonomy.from must be one of features, confusion, got "x"',
        ),
        (
            {"taxonomy": {"kind": "induced", "classes": [4, 2]}},
            "data.taxonomy.classes must increase from the coarsest level to the finest, got [4, 2]",
        ),
        ({"taxonomy": {"kind": "induced", "classes": []}}, "data.taxonomy.classes must increase"),
        ({"taxonomy": {"kind": "induced", "classes": [1, 2]}}, "data.taxonomy.classes must be auto, or an increasing"),
        ({"taxonomy": {"kind": "induced", "classes": [2], "levels": 2}}, "data.taxonomy.levels is for `classes: auto`"),
        (
            {"taxonomy": {"kind": "induced", "method": "divisive", "linkage": "ward"}},
            "data.taxonomy.linkage is for `method: agglomerative`; leave it out",
        ),
        (
            {"taxonomy": {"kind": "induced", "from": "confusion", "linkage": "ward"}},
            "data.taxonomy.linkage must be average or complete: ward needs features, not confusions",
        ),
        ({"taxonomy": {"kind": "file"}}, "data.taxonomy.file is missing"),
        ({"taxonomy": {"name": "x"}}, "data.taxonomy.name must be one of parity, magnitude, got 'x'"),
        (
            {"kind": "primitives", "taxonomy": {"name": "x"}},
            "data.taxonomy.name must be null, since these data have one tree of their own, got 'x'",
        ),
        ({"keep_levels": []}, "data.keep_levels must be a non-empty list of values"),
    ],
)
def test_a_wrong_value_is_refused(data: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        trial(data)
    assert str(raised.value).startswith(f"t.yaml: {sentence}")
    assert "\n" not in str(raised.value)


def test_an_override_sets_the_control() -> None:
    pairs = [parse_override(text) for text in ("data.taxonomy={kind: induced}", "data.taxonomy.shuffled=true")]
    config = validate(TrialConfig, apply_overrides(TrialConfig, {"data": {"taxonomy": "parity"}}, pairs), "-o")
    assert isinstance(config.data.taxonomy, InducedTaxonomyConfig)
    assert config.data.taxonomy.shuffled


def test_a_tree_that_other_keys_were_changed_beside_is_refused() -> None:
    section = InducedTaxonomyConfig().with_tree(Tree.model_validate(TREE))
    values = section.model_dump(mode="json")
    assert trial({"taxonomy": values}).data.taxonomy == section
    assert trial({"taxonomy": {**values, "shuffled": True, "shuffle_seed": 3}})
    with pytest.raises(ConfigError, match=r"data.taxonomy.method was changed since its tree was made; remove data"):
        trial({"taxonomy": {**values, "method": "divisive"}})
    made_by_older = {**json.loads(values["tree"]["settings"]), "since_removed": 1}
    del made_by_older["linkage"]
    tree = {**values["tree"], "settings": json.dumps(made_by_older)}
    assert trial({"taxonomy": {**values, "tree": tree, "linkage": "average"}}), "of a version without that key"
    with pytest.raises(ConfigError, match=r"data.taxonomy.tree.settings must hold the JSON"):
        trial({"taxonomy": {**values, "tree": {**tree, "settings": "x"}}})


def test_a_tree_is_a_param_by_its_digest() -> None:
    config = trial({"taxonomy": {"kind": "induced", "tree": TREE}})
    tree = Tree.model_validate(TREE)
    assert flatten(config)["data.taxonomy.tree"] == tree.digest
    assert not [name for name in flatten(config) if name.startswith("data.taxonomy.tree.")]
    other = Tree.model_validate({**TREE, "paths": [["even", "1"], ["odd", "0"]]})
    assert other.digest != tree.digest


def _levels(**data: Any) -> tuple[str, ...]:
    return level_names(trial(data).data)


def test_levels_are_known_before_anything_is_made(tmp_path: Path) -> None:
    assert _levels(taxonomy={"name": "magnitude"}) == ("magnitude", "digit")
    assert _levels(taxonomy={"kind": "induced"}) == ("induced0", "leaf")
    assert _levels(taxonomy={"kind": "induced", "levels": 3}) == ("induced0", "induced1", "leaf")
    assert _levels(taxonomy={"kind": "induced", "classes": [2, 4, 8]})[-2:] == ("induced2", "leaf")
    assert _levels(taxonomy={"kind": "induced", "tree": TREE, "classes": [2]}) == ("kind", "leaf")
    assert _levels(kind="cifar100", taxonomy="five-levels", keep_levels=["class", "group"]) == ("group", "class")
    assert _levels(kind="modelnet", root="x", taxonomy={"name": "flat"}) == ("class",)
    (tmp_path / "t.csv").write_text("leaf,kind\na,b\nc,b\n")
    (tmp_path / "t.json").write_text(json.dumps({"level_names": ["k", "l"], "tree": {"b": ["a"], "d": ["c"]}}))
    (tmp_path / "d.json").write_text(json.dumps({"tree": {"b": ["a"], "d": ["c"]}}))
    files = [{"kind": "file", "file": str(tmp_path / name)} for name in ("t.csv", "t.json", "d.json")]
    assert [_levels(taxonomy=file) for file in files] == [("kind", "leaf"), ("k", "l"), ("level0", "level1")]
    assert _levels(taxonomy=files[0], keep_levels=["leaf"]) == ("leaf",)


def test_levels_that_cannot_be_kept_are_named_with_those_that_can() -> None:
    with pytest.raises(ConfigError, match=r"names the level 'pairity' \(did you mean 'parity'\?\); the levels are par"):
        check_trial(trial({"keep_levels": ["pairity", "digit"]}))
    with pytest.raises(ConfigError, match="must hold the leaf level 'digit', since labels are leaves; got parity"):
        check_trial(trial({"keep_levels": ["parity"]}))
    with pytest.raises(ConfigError, match=r"data.taxonomy.shuffled is true, but there is the leaf level alone"):
        check_trial(trial({"keep_levels": ["leaf"], "taxonomy": {"shuffled": True}}))


def test_a_file_that_holds_no_tree_is_named(tmp_path: Path) -> None:
    def levels(name: str) -> tuple[str, ...]:
        return _levels(taxonomy={"kind": "file", "file": str(tmp_path / name)})

    with pytest.raises(DataError, match="there is no tree file"):
        levels("none.csv")
    with pytest.raises(TaxonomyError, match=r"a tree is read from a .csv, .tsv or .json file, not from .*t.txt"):
        levels("t.txt")
    (tmp_path / "t.json").write_text('{"level_names": "kind", "tree": {"a": ["b"]}}')
    with pytest.raises(TaxonomyError, match="must be a list of names"):
        levels("t.json")


def test_an_induced_tree_that_is_given_names_its_own_levels() -> None:
    made = InducedTaxonomyConfig(levels=3, tree=Tree.model_validate(TREE))
    assert made.level_names == ("kind", "leaf")
    assert made.num_levels == 2
    config = trial({**required("image-folder"), "taxonomy": made.model_dump(mode="json", by_alias=True)})
    assert level_names(config.data) == ("kind", "leaf")
