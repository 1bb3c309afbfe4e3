"""Search spaces and suites of the package are found by their names, where no file has that name."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmlc_ray.api.checking import check
from hmlc_ray.cli.app import app
from hmlc_ray.config.load import is_suite, load_yaml
from hmlc_ray.config.packaged import FOLDER, SUITES, configuration_file, packaged
from hmlc_ray.config.suite_check import load_suite
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.config.target import load_target
from hmlc_ray.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_file_of_the_repository_is_part_of_the_package() -> None:
    files = {file.relative_to(ROOT / "search_spaces") for file in (ROOT / "search_spaces").rglob("*.yaml")}
    assert {file.relative_to(FOLDER) for file in packaged().values()} | {
        file.relative_to(FOLDER) for file in packaged(suites_first=True).values()
    } == files
    assert len(files) > 15


def test_a_name_that_a_space_and_a_suite_have_is_what_the_command_takes() -> None:
    assert load_sweep("digits").study.name == "digits"
    assert load_suite("digits").benchmark.name == "digits"
    assert load_suite("suites/digits") == load_suite("digits")
    assert load_sweep(Path("digits")) == load_sweep("digits")
    assert packaged()["digits"] == FOLDER / "digits.yaml"
    assert packaged(suites_first=True)["digits"] == FOLDER / SUITES / "digits.yaml"
    only_suite = configuration_file("cifar100-small")
    assert is_suite(load_yaml(only_suite))


def test_a_file_of_that_name_is_read_instead() -> None:
    Path("digits").write_text("study: {name: mine}\nspace: {objective.temperature: {float: [0.1, 0.2]}}\n")
    assert load_sweep("digits").study.name == "mine"


def test_a_folder_of_that_name_is_not_what_is_meant() -> None:
    Path("digits").mkdir()
    assert load_sweep("digits").study.name == "digits"
    Path("photos").mkdir()
    with pytest.raises(ConfigError, match=r"^photos: a file is needed, this is a folder$"):
        load_sweep("photos")


@pytest.mark.parametrize(
    "name", ["none.yaml", "spaces/digits", "./digits", "digits/", "/none/digits", "~/digits.yaml", "digits.yaml"]
)
def test_a_path_is_never_a_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r": there is no such file$"):
        load_sweep(name)


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    message = (
        r"^diggits: there is no such file, and the package has no search space or suite of that name "
        r"\(did you mean 'digits'\?\); it has cifar100, cifar100-small, .*tiny_imagenet$"
    )
    with pytest.raises(ConfigError, match=message):
        load_sweep("diggits")


def test_an_error_names_what_was_typed() -> None:
    with pytest.raises(ConfigError, match=r"^digits: unknown key study\.nmae"):
        load_sweep("digits", ["study.nmae=x"])


def test_the_other_functions_take_names_too() -> None:
    assert check("grocery", overrides=["study.num_trials=3"]).config.study.num_trials == 3  # type: ignore[union-attr]
    assert load_target("image_folder", ["data.root=x"]).data.kind == "image-folder"
    assert load_target("digits").objective == load_target("primitives").objective, "a kind of data, with defaults"


@pytest.mark.parametrize("words", [["check", "./digits"], ["sweep", "./digits"], ["benchmark", "./suites/digits"]])
def test_a_path_of_the_command_line_is_never_a_name(words: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.output) == (2, f"hmlc: {words[1][2:]}: there is no such file\n")


def test_the_command_prints_the_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "primitives"])
    assert result.output.startswith("primitives: a valid search space\n")
    assert (
        CliRunner().invoke(app, ["check", "suites/primitives"]).output.startswith("suites/primitives: a valid suite\n")
    )
