"""What the documents claim is still so."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

import hmlc_ray
from hmlc_ray.cli.app import app
from hmlc_ray.config.sweep import load_sweep

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_the_search_space_in_the_readme_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "space.yaml").write_text(example, encoding="utf-8")
    for leaf in ("fruit/apple", "fruit/pear", "vegetable/leek", "vegetable/onion"):
        (tmp_path / "data" / "fruit" / leaf).mkdir(parents=True)
        for name in "abcdef":
            (tmp_path / "data" / "fruit" / leaf / f"{name}.png").touch()
    monkeypatch.chdir(tmp_path)
    assert load_sweep("space.yaml").study.name == "fruit"


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md"])
def test_the_commands_of_a_page_exist_with_their_options(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if not language]
    lines = [
        part.partition("#")[0].split() for block in blocks for line in block.splitlines() for part in line.split("&&")
    ]
    used = [words[1:] for words in lines if words and words[0] in ("hmlc", ".venv/bin/hmlc")]
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {words[0] for words in used} <= set(commands)
    if page == "docs/commands.md":
        assert {words[0] for words in used} == set(commands), "the page shows every command"
    for name, *words in used:
        command = commands[name]
        command = command.commands[words[0]] if hasattr(command, "commands") else command
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, f"hmlc {name} {' '.join(words)}"


def test_every_command_on_the_page_of_questions_can_be_typed() -> None:
    """Those in blocks and in sentences, as `hmlc` itself reads them."""
    text = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    shown = re.findall(r"^hmlc .+$|(?<=`)hmlc [^`]+(?=`)", text, re.MULTILINE)
    typed = [part.strip() for line in shown for part in line.split("&&")]
    assert len(typed) >= 12
    for line in typed:
        _, verb, *words = shlex.split(line)
        get_command(app).commands[verb].make_context(verb, words)  # type: ignore[attr-defined]
    assert re.findall(r"^## (\d+)\.", text, re.MULTILINE) == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_picture_is_shown_by_a_page_and_small() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    kept = {file.resolve() for file in (ROOT / "docs" / "pictures").rglob("*") if file.is_file()}
    assert kept
    assert kept - shown == set()
    assert [file.name for file in kept if file.stat().st_size > 300_000] == []


def test_every_module_on_the_architecture_page_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Map\n")[0]
    named = set(re.findall(r"`((?!tests/)(?:[a-z_]+/)*[a-z_]+(?:/|\.py))`", text))
    assert [name for name in sorted(named) if not (ROOT / "hmlc_ray" / name).exists()] == []


def test_the_map_of_the_architecture_page_has_every_module() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "map.py"))
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert made["page"]() == text, "modules or their docstrings have changed: run `python docs/map.py`"
    without = [line for line in made["module_map"]().splitlines() if line.endswith(": ")]
    assert without == []


def test_every_variable_of_the_environment_is_in_the_table() -> None:
    folders = ("hmlc_ray", "docker", "cluster", "benchmarks", "tests", ".ci")
    files = [ROOT / "Makefile", *(file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.suffix not in (".md", ".pyc")]
    used = set(re.findall(r"\bHMLC_[A-Z][A-Z_]*[A-Z]\b", "\n".join(texts)))
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(HMLC_[A-Z_]+)` \|", page, re.MULTILINE)
    assert sorted(table) == sorted(used)
    mentioned = {
        name for file in PAGES for name in re.findall(r"\bHMLC_[A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8"))
    }
    assert mentioned <= set(table)


def test_every_page_is_linked_from_the_readme_or_the_first_page_of_the_site() -> None:
    readme, index = (file.read_text(encoding="utf-8") for file in (ROOT / "README.md", ROOT / "docs" / "index.md"))
    assert "docs/index.md" in readme
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "index.md"]
    assert [name for name in pages if f"docs/{name}" not in readme and f"]({name}" not in index] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """Without building the site, which refuses a page that is missing."""
    named = set(
        re.findall(r"^ +- (?:.*: )?(\w+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert pages - named == set(), "add a line for each to `nav` of mkdocs.yml"
    assert named - pages == {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "cli.py"))
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert made["page"]() == text, "commands or their options have changed: run `python docs/cli.py`"


def test_the_reference_of_python_has_every_public_name() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    shown = {name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)}
    linked = {"TrialConfig", "SweepConfig"}  # their keys have a page of their own
    assert shown | linked == set(hmlc_ray.__all__)
    assert all(f"`{name}`" in text for name in linked)
