"""Where results and trials are kept: which texts are places, and what becomes of them."""

from __future__ import annotations

import re
from pathlib import Path

import optuna
import pytest

from hmlc_ray.config.sweep import StudyConfig, SweepConfig, load_sweep
from hmlc_ray.errors import ConfigError
from hmlc_ray.home import Home
from hmlc_ray.names.uris import without_password
from hmlc_ray.study.storage import Results, with_storage
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HMLC_STORAGE", "HMLC_OPTUNA_STORAGE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("storage", "results", "study.storage must be an absolute path that every node has, or s3://BUCKET/PREFIX"),
        ("storage", "/a/../b", "study.storage must be an absolute path"),
        ("storage", "s3://", "study.storage must be an absolute path"),
        ("storage", "gs://bucket", "study.storage must be an absolute path"),
        ("storage", "s3://key:word@bucket/x", "study.storage holds a password"),
        ("optuna_storage", "sqlite:///x.db", "study.optuna_storage must be sqlite:////PATH or journal:///PATH with an"),
        ("optuna_storage", "journal://x.log", "study.optuna_storage must be"),
        ("optuna_storage", "redis://h", "study.optuna_storage must be"),
        ("optuna_storage", "postgresql://u:word@h/d", "study.optuna_storage holds a password"),
    ],
)
def test_what_is_no_place_is_one_sentence(tmp_path: Path, key: str, value: str, sentence: str) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(f"study: {{name: s, {key}: '{value}'}}\nspace: {{seed: {{int: [0, 1]}}}}\n")
    with pytest.raises(ConfigError, match=re.escape(sentence)) as raised:
        load_sweep(file)
    assert "word@" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "below"),
    [
        ("/mnt/results", "/mnt/results/_groups/s"),
        ("s3://bucket/a", "s3://bucket/a/_groups/s"),
        ("s3://bucket", "s3://bucket/_groups/s"),
        (
            "s3://bucket/a?scheme=http&endpoint_override=h:1",
            "s3://bucket/a/_groups/s?scheme=http&endpoint_override=h:1",
        ),
    ],
)
def test_folders_below_a_place(uri: str, below: str) -> None:
    assert Results.of(uri, Home.of("/h")).groups("s") == below


def test_the_key_comes_before_the_variable_before_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.of("/h")
    assert Results.of(None, home).uri == "/h/ray"
    monkeypatch.setenv("HMLC_STORAGE", "s3://b/c/")
    assert Results.of(None, home).uri == "s3://b/c"
    assert Results.of("/mnt/x", home).uri == "/mnt/x"
    monkeypatch.setenv("HMLC_STORAGE", "here")
    with pytest.raises(ConfigError, match="HMLC_STORAGE must be an absolute path"):
        Results.of(None, home)


def test_a_password_stays_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written down is the place; the variable adds the password wherever it names the same one."""
    sweep = SweepConfig.model_validate({"study": {"name": "s"}, "space": {"seed": {"int": [0, 1]}}})
    monkeypatch.setenv("HMLC_OPTUNA_STORAGE", "postgresql://u:wo%40rd@h/d")
    study = with_storage(sweep).study
    assert study.optuna_storage == "postgresql://u@h/d"
    assert TrialStorage(study, Home.of("/h")).url == "postgresql://u:wo%40rd@h/d"
    monkeypatch.setenv("HMLC_OPTUNA_STORAGE", "postgresql://u:word@other/d")
    assert TrialStorage(study, Home.of("/h")).url == "postgresql://u@h/d"
    monkeypatch.delenv("HMLC_OPTUNA_STORAGE")
    assert TrialStorage(study, Home.of("/h")).url == "postgresql://u@h/d"
    assert TrialStorage(sweep.study, Home.of("/h")).url == "sqlite:////h/optuna.db"


@pytest.mark.parametrize("uri", ["s3://b/c", "postgresql://u@h/d", "sqlite:////a@b.db"])
def test_without_a_password_nothing_changes(uri: str) -> None:
    assert without_password(uri) == uri


@pytest.mark.parametrize("kind", ["sqlite:///{}/new/o.db", "journal://{}/new/o.log"])
def test_trials_in_files(tmp_path: Path, kind: str) -> None:
    study = StudyConfig(name="s", optuna_storage=kind.format(tmp_path))
    optuna.create_study(storage=TrialStorage(study, Home.of(tmp_path)).open(), study_name="s").ask()
    again = optuna.load_study(storage=TrialStorage(study, Home.of(tmp_path)).open(), study_name="s")
    assert [trial.number for trial in again.trials] == [0]


def test_a_database_that_nobody_serves_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_OPTUNA_STORAGE", "postgresql://u:s3cret@127.0.0.1:1/d")
    with pytest.raises(ConfigError, match=r"Optuna's storage postgresql://u@127.0.0.1:1/d cannot be used: ") as raised:
        TrialStorage(StudyConfig(name="s"), Home.of(tmp_path)).open()
    assert "s3cret" not in str(raised.value)
