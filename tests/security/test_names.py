"""A study's name is part of paths: what is no name leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home

BAD = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc",
    "A",
    "a b",
    "a\n",
    "-a",
    "_groups",
    "a\0",
    "é",
    "a" * 101,
    "%2e%2e",
    "$(id)",
]


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_has_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError, match="is not a valid study name; allowed are"):
        Home.of(tmp_path).study(name)


@pytest.mark.parametrize("name", ["a", "0", "digits-1", "a.b_c-d", "a" * 100])
def test_a_name_is_a_folder_of_the_home(tmp_path: Path, name: str) -> None:
    assert Home.of(tmp_path).study(name) == tmp_path / "studies" / name


@pytest.mark.parametrize("command", [["resume"], ["best"], ["retry", "--failed"]], ids=lambda words: words[0])
def test_commands_refuse_a_path(tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "sweep.json").write_text("{}")
    done = CliRunner().invoke(app, [command[0], "../../x", *command[1:], "--home", str(tmp_path / "home")])
    assert (done.exit_code, "'../../x' is not a valid study name" in done.stderr) == (2, True), done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]
