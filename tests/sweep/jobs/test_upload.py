"""What travels with a job, and what its entrypoint says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import ConfigError, HmlcError
from hmlc_ray.sweep.jobs.submit import JobWorkspace, entrypoint
from hmlc_ray.sweep.jobs.upload import SpaceFile

SPACE = "study: {name: s}\nspace: {seed: {int: [0, 1]}}\n"


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("sent").mkdir()
    Path("space.yaml").write_text(SPACE)
    return Path("space.yaml")


def sweep_with(**base: object) -> SweepConfig:
    values = {"study": {"name": "s"}, "base": base, "space": {"seed": {"int": [0, 1]}}}
    return SweepConfig.model_validate(values)


def sent() -> list[str]:
    return sorted(str(path.relative_to("sent")) for path in Path("sent").rglob("*") if path.is_file())


def test_the_space_and_the_files_it_names_are_sent_and_nothing_else(space: Path) -> None:
    Path("trees").mkdir()
    for name in ("trees/a.csv", "other.csv", "photo.png"):
        Path(name).write_text(name)
    named = {"kind": "digits", "note": "trees/a.csv", "away": str(Path("other.csv").absolute()), "uri": "s3://a/b.csv"}
    SpaceFile(space).pack(sweep_with(data={"kind": "digits"}, notes=named), Path("sent"))
    assert sent() == ["space.yaml", "trees/a.csv"]
    assert Path("sent/space.yaml").read_text() == SPACE


@pytest.mark.parametrize(
    ("base", "sentence"),
    [
        ({"data": {"kind": "mnist", "root": "data"}}, "data.root is 'data', relative to a folder of this machine"),
        (
            {"data": {"kind": "features", "file": "table", "labels": "/shared/labels.csv"}},
            "data.file is 'table', relative to a folder of this machine",
        ),
        (
            {"data": {"kind": "features", "file": "/shared/table", "labels": "labels.csv"}},
            "data.labels is 'labels.csv', relative to a folder of this machine",
        ),
        ({"data": {"kind": "mnist"}}, "data.root is 'data', relative to a folder of this machine"),
        ({"note": "../up.csv"}, "base.note is '../up.csv', which lies above the current folder"),
        ({"note": "big.csv"}, "base.note is 'big.csv', a file of more than 1 MiB, which is not uploaded"),
    ],
)
def test_what_the_cluster_cannot_have_is_one_sentence(space: Path, base: dict[str, object], sentence: str) -> None:
    Path("big.csv").write_bytes(bytes((1 << 20) + 1))
    Path("../up.csv").write_text("x")
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        SpaceFile(space).pack(sweep_with(**base), Path("sent"))


INDUCED = {"kind": "induced", "from": "features"}


@pytest.mark.parametrize("given", ["trained", "./trained", "trained/encoder.pt"])
def test_a_folder_that_a_tree_is_induced_from_is_not_left_behind(space: Path, given: str) -> None:
    Path("trained").mkdir()
    Path("trained/encoder.pt").write_text("x")
    sweep = sweep_with(data={"kind": "digits", "taxonomy": {**INDUCED, "source": given}})
    with pytest.raises(ConfigError, match=rf"^space\.yaml: base\.data\.taxonomy\.source is '{given}', a f.* of this"):
        SpaceFile(space).pack(sweep, Path("sent"))
    searched = {"data.taxonomy": {"choice": ["parity", {**INDUCED, "source": given}]}}
    sweep = SweepConfig.model_validate({"study": {"name": "s"}, "space": searched})
    with pytest.raises(ConfigError, match=rf"^space\.yaml: space\.data\.taxonomy.*\.source is '{given}', a f"):
        SpaceFile(space).pack(sweep, Path("sent"))


@pytest.mark.parametrize("given", ["means.npy", "a-run", "/shared/trained", "~/trained", "x" * 2000, "a\0"])
def test_other_sources_of_a_tree_are_taken_as_they_are(space: Path, given: str) -> None:
    Path("means.npy").write_text("x")
    sweep = sweep_with(data={"kind": "digits", "taxonomy": {**INDUCED, "source": given}})
    SpaceFile(space).pack(sweep, Path("sent"))
    assert sent() == ["means.npy", "space.yaml"] if given == "means.npy" else ["space.yaml"]


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("# see http://u:s3cret@h/x\n", []),
        ("", ["study.storage=s3://u:s3cret@h/x"]),
        ("", ["a.b=postgresql://u:s3cret@h"]),
    ],
)
def test_a_password_is_refused_and_not_shown(space: Path, text: str, overrides: list[str]) -> None:
    space.write_text(text + SPACE)
    with pytest.raises(HmlcError, match="holds a") as raised:
        SpaceFile(space, tuple(overrides)).read()
    assert "s3cret" not in str(raised.value)


def test_data_that_is_elsewhere_is_left_to_the_cluster(space: Path) -> None:
    space.write_text("study: {name: s}\nspace: {objective.level_weights: {simplex: levels}}\n")
    overrides = ["data={kind: image-folder, root: /no/such}", "study.name=t"]
    sweep, unchecked = SpaceFile(space, tuple(overrides)).read()
    assert sweep.study.name == "t"
    assert "/no/such" in str(unchecked)


@pytest.mark.parametrize(
    ("workspace", "sentence"),
    [
        (JobWorkspace(home="hmlc-home"), "--home 'hmlc-home' must be an absolute path of the cluster"),
        (JobWorkspace(tracking_uri="sqlite:///a.db"), "--tracking-uri 'sqlite:///a.db' is a file of this machine"),
        (JobWorkspace(tracking_uri="http://u:s3cret@h"), "--tracking-uri holds a URI with a password"),
    ],
)
def test_a_workspace_that_means_nothing_there(workspace: JobWorkspace, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        workspace.check()


def test_the_entrypoint_is_what_a_user_of_the_head_would_type() -> None:
    words = ["sweep", "space.yaml", "-o", "a.b=[1, 2]; rm -rf x"]
    assert entrypoint(words, JobWorkspace()) == (
        "hmlc sweep space.yaml -o 'a.b=[1, 2]; rm -rf x' --address auto --home \"${HMLC_HOME:-$HOME/hmlc-home}\""
    )
    there = JobWorkspace("~/a b", "http://h:5000", upload_package=True)
    assert entrypoint(["resume", "s"], there) == (
        "python -m hmlc_ray.cli resume s --address auto --home '~/a b' --tracking-uri http://h:5000"
    )
