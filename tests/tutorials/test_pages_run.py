"""The tutorials, the FAQ and the quickstart notebook are run, block by block, and print what they show."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import requests
from jobs_head import free_ports
from pages import ROOT, Block, blocks_of, written
from sandbox import wait_until

PAGES = ("tutorial_images", "tutorial_meshes", "tutorial_text", "faq", "quickstart")
IN_FOLDER = {"faq": "tutorial_images"}
"""Pages that use what another page has made."""


def file_of(name: str) -> Path:
    return ROOT / "examples" / "quickstart.ipynb" if name == "quickstart" else ROOT / "docs" / f"{name}.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each page, with what its blocks made, and `results.json`: what they printed."""
    folder = tmp_path_factory.mktemp("pages")
    pages = {f"{name}:{IN_FOLDER.get(name, '')}": blocks_of(file_of(name)) for name in PAGES}
    written(pages, folder / "pages.json")
    clean = {name: value for name, value in os.environ.items() if name not in ("HMLC_HOME", "MLFLOW_TRACKING_URI")}
    script = Path(__file__).with_name("run_pages.py")
    arguments = [str(folder / "pages.json"), str(folder / "results.json"), str(tmp_path_factory.mktemp("ray"))]
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**clean, "RAY_AUTH_MODE": "disabled", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What every block of every page printed."""
    found: dict[str, list[dict[str, Any]]] = json.loads((folder / "results.json").read_text())
    return found


def checked(block: dict[str, Any]) -> str:
    """An empty text, or how what a block printed differs from what the page shows."""
    if block["error"]:
        return str(block["error"])
    if block["expected"] is None:
        return ""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    checker = doctest.OutputChecker()
    if checker.check_output(block["expected"], block["printed"], flags):
        return ""
    return f"expected:\n{block['expected']}\nprinted:\n{block['printed']}"


@pytest.mark.journey
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PAGES)
def test_every_block_runs_and_prints_what_the_page_shows(name: str, results: dict[str, list[dict[str, Any]]]) -> None:
    assert len(results[name]) == len(blocks_of(file_of(name))) > 2
    faults = [f"{name}, line {block['line']}: {fault}" for block in results[name] if (fault := checked(block))]
    assert faults == []


@pytest.mark.journey
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_encoder_of_the_tutorial_has_learned_its_classes(results: dict[str, list[dict[str, Any]]]) -> None:
    """The page shows no number, since machines differ; it has to be far above the 10 % of chance."""
    (share,) = re.findall(r"same class in (\d+)% of all cases", results["tutorial_images"][-1]["printed"])
    assert int(share) > 60


@pytest.fixture
def dashboard(folder: Path) -> Iterator[str]:
    """Optuna's dashboard on the study of the tutorial, started as `docs/dashboard.md` says; its URL."""
    page = (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^optuna-dashboard .*$", page, re.MULTILINE)
    words, (port,) = line.split(), free_ports(1)
    assert words[2:] == ["--port", "8081"]
    (script,) = entry_points(group="console_scripts", name=words[0])
    program = f"import sys; from {script.module} import {script.attr}; sys.argv[0] = {words[0]!r}; {script.attr}()"
    command = [sys.executable, "-c", program, words[1], "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder / "tutorial_images", stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url, process), "Optuna's dashboard")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=200)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the dashboard has ended"
    with suppress(requests.ConnectionError, requests.Timeout):
        return requests.get(f"{url}/api/meta", timeout=10).ok
    return False


@pytest.mark.journey
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_optuna_s_dashboard_shows_the_study_as_it_is(dashboard: str) -> None:
    (study,) = requests.get(f"{dashboard}/api/studies", timeout=60).json()["study_summaries"]
    assert (study["study_name"], study["directions"]) == ("photos", ["maximize"])
    shown = requests.get(f"{dashboard}/api/studies/{study['study_id']}", timeout=60).json()
    trials = shown["trials"]
    assert [trial["state"] for trial in trials] == ["Complete"] * 3
    names = {parameter["name"] for trial in trials for parameter in trial["params"]}
    assert {"optimiser.learning_rate", "objective.temperature", "objective.kind"} <= names
    assert all(0 <= trial["values"][0] <= 1 for trial in trials)


def test_output_that_differs_is_a_fault() -> None:
    shown = {"error": None, "expected": "(600, 32)\nbest: ...\n", "printed": "(600, 32)\nbest: trial 1\n"}
    assert checked(shown) == ""
    assert "printed:\n(600, 31)" in checked({**shown, "printed": "(600, 31)\nbest: trial 1\n"})
    assert checked({**shown, "error": "ValueError"}) == "ValueError"


def test_blocks_are_found_with_their_output(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    parts = ["```\nhmlc x\n```", "```sh\nhmlc y\n```", "```text\nout\n```", "```yaml\na: 1\n```"]
    page.write_text("\n\n".join([*parts, "```yaml\n# a.yaml\na: 1\n```\n"]))
    assert blocks_of(page) == [Block("sh", "hmlc y\n", 5, "out\n"), Block("yaml", "# a.yaml\na: 1\n", 17)]


@pytest.mark.parametrize("name", PAGES)
def test_blocks_with_a_language_are_those_that_run(name: str) -> None:
    """Nothing on these pages looks as if it was tried, and was not, but for what another process would have to do."""
    if name == "quickstart":
        pytest.skip("a notebook has no other blocks")
    assert (
        re.findall(r"^```\n", re.sub(r"^```\w+\n.*?^```\n", "", file_of(name).read_text(), flags=re.S | re.M), re.M)
        == []
    )
