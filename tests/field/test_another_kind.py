"""`-o SECTION.kind=K` over any file, by a profile or in a branch: it builds, or the real conflict is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.load import dump_yaml
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.schema import default_kinds, kinds
from hmlc_ray.config.sweep import AshaConfig, RefitConfig, SweepConfig, load_sweep
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError

KINDS = {name: found for name, field in TrialConfig.model_fields.items() if (found := kinds(field))}
REQUIRED = {"root": "somewhere", "file": "images.csv", "name": "resnet18", "levels": ["coarse", "fine"]}
"""Values for the keys that have no default."""
CONFLICTS = (
    r"encoder\.kind is [a-z0-9-]+, which takes (images|points|features)"
    r"|views\.kind is (images|points|features), but data\.kind"
    r"|there is nothing to train"
    r"|(data\.root|data\.file|data\.levels|encoder\.name) is missing"
)
"""All that can be wrong with another kind where nobody wrote a value that does not fit it."""


def of_kind(section: str, kind: str) -> dict[str, Any]:
    fields = KINDS[section][kind].model_fields
    return {"kind": kind} | {name: REQUIRED[name] for name, field in fields.items() if field.is_required()}


def trial(values: dict[str, Any]) -> TrialConfig | None:
    try:
        return validate(TrialConfig, values, "f")
    except ConfigError:
        return None


def files() -> list[dict[str, Any]]:
    """For images and points, each section of each kind: with as few keys as can be, and with all keys written out."""
    found = []
    for data in KINDS["data"]:
        for section in KINDS:
            for kind in KINDS[section] if section != "data" else [data]:
                few = {"data": of_kind("data", data)} | ({} if section == "data" else {section: of_kind(section, kind)})
                config = trial(few)
                if config is not None and (data in ("digits", "primitives", "mesh-folder") or section == "data"):
                    found += [few, config.model_dump(mode="json")]
    return found


def refusal(values: dict[str, Any], section: str, kind: str) -> str | None:
    """Why a section of a file cannot be of a kind; None where it can."""
    try:
        config = validate(TrialConfig, apply_overrides(TrialConfig, values, [(f"{section}.kind", kind)]), "f")
    except ConfigError as error:
        return str(error)
    assert getattr(config, section).kind == kind
    return None


def test_any_kind_over_any_file_builds_or_names_the_conflict() -> None:
    built, refused = 0, 0
    for values in files():
        for section, known in KINDS.items():
            for kind in known:
                sentence = refusal(values, section, kind)
                built, refused = built + (sentence is None), refused + (sentence is not None)
                assert sentence is None or re.search(CONFLICTS, sentence), (values, section, kind, sentence)
    assert built > refused > 0


def without_kinds(values: dict[str, Any]) -> dict[str, Any]:
    """The sections that are of the default kind of their data do not say so."""
    defaults = default_kinds(TrialConfig, values)
    return {
        name: {key: value for key, value in section.items() if key != "kind"}
        if name != "data" and isinstance(section, dict) and section.get("kind") == defaults.get(name)
        else section
        for name, section in values.items()
    }


@pytest.mark.parametrize("data", ["digits", "primitives"])
def test_keys_of_a_kind_that_is_not_written_are_those_of_the_default(data: str, tmp_path: Path) -> None:
    """By an override, by a profile with an override over it, and in a branch."""
    full = trial({"data": {"kind": data}})
    assert full is not None
    values = without_kinds(full.model_dump(mode="json"))
    assert "kind" not in values["encoder"]
    file, space = tmp_path / "f.yaml", tmp_path / "s.yaml"
    file.write_text(dump_yaml(values), encoding="utf-8")
    for section, kind in ((name, kind) for name in ("encoder", "objective", "optimiser") for kind in KINDS[name]):
        if trial({"data": {"kind": data}, section: {"kind": kind}}) is None:
            continue
        assert getattr(load_trial(file, [f"{section}.kind={kind}"]), section).kind == kind
        text = {
            "study": {"name": "s"},
            "base": values,
            "space": {"seed": {"int": [0, 9]}, section: {"branch": {kind: {}}}},
        }
        space.write_text(dump_yaml(text), encoding="utf-8")
        assert getattr(load_sweep(space).base_trial(), section).kind == kind
        profiles = {"p": {f"{section}.kind": kind}}
        space.write_text(
            dump_yaml({**text, "space": {"seed": {"int": [0, 9]}}, "profiles": profiles}), encoding="utf-8"
        )
        assert getattr(load_sweep(space, profile="p").base_trial(), section).kind == kind
        back = load_sweep(space, [f"{section}.kind={getattr(full, section).kind}"], profile="p")
        assert getattr(back.base_trial(), section).kind == getattr(full, section).kind


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    return file


POINTS = "data: {kind: primitives}\nencoder: {pooled_dim: 64, feature_dim: 16}\n"


def test_an_mlp_over_the_keys_of_a_default_point_encoder(tmp_path: Path) -> None:
    config = load_trial(write(tmp_path, POINTS), ["encoder.kind=mlp"])
    assert (config.encoder.kind, config.encoder.feature_dim) == ("mlp", 16)


def test_a_branch_with_an_mlp_alone_over_the_keys_of_a_default_point_encoder(tmp_path: Path) -> None:
    base = "base:\n" + "".join(f"  {line}\n" for line in POINTS.splitlines())
    space = "study: {name: s}\n" + base + "space: {encoder: {branch: {mlp: {depth: {int: [1, 2]}}}}}\n"
    assert load_sweep(write(tmp_path, space)).base_trial().encoder.kind == "mlp"


def test_the_files_own_data_say_what_its_keys_were_written_for(tmp_path: Path) -> None:
    """Data of points come by an override, and the encoder's keys in the file are those of the default for images."""
    file = write(tmp_path, "data: {kind: digits}\nencoder: {width: 8, depth: 2}\n")
    config = load_trial(file, ["data.kind=primitives", "encoder.kind=mlp"])
    assert config.encoder.model_dump() == {"kind": "mlp", "hidden_dim": 256, "depth": 2, "feature_dim": 128}


@pytest.mark.parametrize(
    ("text", "override", "sentence"),
    [
        (POINTS, "encoder.kind=resnet18", "encoder.kind is resnet18, which takes images"),
        ("encoder: {pooled_dim: 64}", "encoder.kind=mlp", r"unknown key encoder.pooled_dim \(it belongs"),
        ("encoder: {wdith: 64}", "encoder.kind=mlp", "unknown key encoder.wdith"),
        ("data: {taxonomy: magnitude}", "data.kind=cifar100", "data.taxonomy must be one of official, five-"),
        ("objective: {kind: supcon, level: 1}", "objective.kind=cross-entropy", "objective.level must be one of all"),
    ],
)  # fmt: skip
def test_what_somebody_wrote_and_the_kind_does_not_take_is_refused(
    text: str, override: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_trial(write(tmp_path, text), [override])


def test_a_default_of_the_old_kind_that_the_new_one_does_not_allow_is_no_choice_of_the_user(tmp_path: Path) -> None:
    file = write(tmp_path, dump_yaml(TrialConfig().model_dump(mode="json")))
    assert load_trial(file, ["data.kind=cifar100"]).data.model_dump()["taxonomy"] == "official"


@pytest.mark.parametrize("sampler", ["{startup_trials: 3}", "{kind: tpe, startup_trials: 3}", "{}"])
def test_another_sampler(sampler: str, tmp_path: Path) -> None:
    file = write(tmp_path, f"study: {{name: s, sampler: {sampler}}}\nspace: {{seed: {{int: [0, 9]}}}}\n")
    assert load_sweep(file).study.sampler.kind == "tpe"
    assert load_sweep(file, ["study.sampler.kind=random"]).study.sampler.model_dump() == {"kind": "random"}
    with pytest.raises(
        ConfigError, match=r"unknown key study\.sampler\.startup_trials \(it belongs to kind tpe and gp\)"
    ):
        load_sweep(file, ["study.sampler.kind=random", "study.sampler.startup_trials=3"])


@pytest.mark.parametrize("study", ["{name: s}", "{name: s, scheduler: null, refit: null}"])
def test_a_section_that_is_null_gets_keys(study: str, tmp_path: Path) -> None:
    """As in a file with all keys written out."""
    file = write(tmp_path, f"study: {study}\nspace: {{seed: {{int: [0, 9]}}}}\n")
    sweep = load_sweep(file, ["study.scheduler.kind=asha", "study.refit.workers=2"])
    assert (sweep.study.scheduler, sweep.study.refit) == (AshaConfig(), RefitConfig(workers=2))


def test_every_section_that_has_kinds_has_one_default(tmp_path: Path) -> None:
    """Whoever adds a union without a default finds it here, not in a sentence about a missing kind."""
    assert default_kinds(TrialConfig, {}).keys() == KINDS.keys()
    study = SweepConfig.model_fields["study"].annotation
    assert study is not None
    fields = study.model_fields
    assert default_kinds(study, {}).keys() == {name for name in fields if kinds(fields[name])}
    assert default_kinds(study, {})["sampler"] == "tpe"
    for name, kind in default_kinds(TrialConfig, {"data": {"kind": "primitives"}}).items():
        config = trial({"data": {"kind": "primitives"}})
        assert name == "data" or getattr(config, name).kind == kind
