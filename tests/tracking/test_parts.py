from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.names.metrics import metric_key as key
from hmlc_ray.names.uris import public_uri, scrub
from hmlc_ray.study import schema
from hmlc_ray.tracking import provenance, with_driver
from hmlc_ray.tracking import uri as uri_module
from hmlc_ray.tracking.values import batches


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://host:5000", "http://host:5000"),
        ("https://me:pw@host/path?token=pw#frag", "https://host/path"),
        ("postgresql+psycopg2://me:p@ss/w?rd@host:5432/db", "postgresql+psycopg2://host:5432/db"),
        ("sqlite:////srv/me@home/mlflow.db", "sqlite:////srv/me@home/mlflow.db"),
        ("sqlite:///rel/mlflow.db", "sqlite:///rel/mlflow.db"),
        ("./mlruns", "./mlruns"),
    ],
)
def test_public_uri(uri: str, shown: str) -> None:
    assert public_uri(uri) == shown


def test_scrub_takes_out_the_password_however_it_is_written() -> None:
    text = scrub(
        "login pa%20ss of 'pa ss' at http://me:pa%20ss@host?token=abc with token=abc",
        "http://me:pa%20ss@host?token=abc",
    )
    assert text == "login *** of '***' at http://host with ***"


@pytest.mark.parametrize(
    ("installed", "spelled"),
    [({"psycopg", "psycopg2"}, "postgresql+psycopg2"), ({"psycopg"}, "postgresql+psycopg"), (set(), "postgresql")],
)
def test_the_installed_driver_is_spelled_out(
    installed: set[str], spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uri_module, "find_spec", lambda name: name if name in installed else None)
    assert with_driver("postgresql://me@host/db") == f"{spelled}://me@host/db"
    for other in ("postgresql+pg8000://host/db", "sqlite:///x.db", "http://postgresql"):
        assert with_driver(other) == other


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_every_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    _validate_metric_name(key(name))
    _validate_param_name(key(name))
    assert len(key(name)) <= 250


def test_usual_names_stay() -> None:
    assert key("val/probe_top1/super class") == "val/probe_top1/super class"


@given(st.lists(st.integers()), st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_batches_keep_everything_in_order(items: list[int], size: int) -> None:
    parts = list(batches(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])


def test_the_commit_is_told_and_whether_files_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def told() -> dict[str, str]:
        provenance._git_commit.cache_clear()
        return provenance.provenance()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    try:
        assert set(told()) == {schema.VERSION, schema.DRIVER}
        git("init", "-q")
        (tmp_path / "file").write_text("1")
        git("add", "file")
        git("commit", "-q", "-m", "first")
        git("tag", "v1")
        commit = git("rev-parse", "HEAD")
        assert (told()[schema.GIT_COMMIT], told()["mlflow.source.git.commit"]) == (commit, commit)
        (tmp_path / "file").write_text("2")
        assert (told()[schema.GIT_COMMIT], told()["mlflow.source.git.commit"]) == (f"{commit}-dirty", commit)
    finally:
        provenance._git_commit.cache_clear()


def test_mlflow_is_loaded_by_connecting_only() -> None:
    code = "import sys, hmlc_ray.tracking; assert not {'mlflow', 'sqlalchemy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
