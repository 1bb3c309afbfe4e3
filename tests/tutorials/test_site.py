"""The documentation site is built strictly, from this tree alone, and asks no other host for anything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Loaded(HTMLParser):
    """What a browser loads of its own accord for a page, where its links lead, and the ids in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        if "src" in given:
            self.loaded.add(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.add(given["href"])
        if tag == "a" and "href" in given:
            self.links.add(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", ROOT / "mkdocs.yml", "-d", folder],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Loaded]:
    found = {}
    for file in site.rglob("*.html"):
        found[file.relative_to(site).as_posix()] = page = Loaded()
        page.feed(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_nothing_comes_from_another_host(site: Path, pages: dict[str, Loaded]) -> None:
    assert {name: urls for name, page in pages.items() if (urls := {u for u in page.loaded if "//" in u})} == {}
    sheets = "".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    assert re.findall(r"url\(\"?https?:[^)]*\)|@import[^;]*https?:", sheets) == []


@pytest.mark.slow
def test_every_internal_link_leads_to_a_page_and_a_heading(site: Path, pages: dict[str, Loaded]) -> None:
    """Also those that the theme makes, and anchors within a page."""
    broken = []
    for name, page in pages.items():
        for link in page.links - {"", "."}:
            path, _, anchor = link.partition("#")
            if "://" in path or path.startswith("mailto:") or name == "404.html":
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            target = "index.html" if target == "." else target
            if not (site / target).exists() or (anchor and target in pages and anchor not in pages[target].ids):
                broken.append(f"{name}: {link}")
    assert broken == []


@pytest.mark.slow
def test_the_search_finds_pages_options_and_functions(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    found = {entry["location"] for entry in entries}
    wanted = {
        "tutorial_images.html",
        "faq.html",
        "CHANGELOG.html",
        "cli.html#hmlc-sweep",
        "api.html#hmlc_ray.api.runs.train",
    }
    assert wanted - found == set()
    (sweep,) = (entry for entry in entries if entry["location"] == "cli.html#hmlc-sweep")
    assert "--trials" in sweep["text"]


@pytest.mark.slow
def test_docstrings_become_tables_of_arguments(pages: dict[str, Loaded], site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    assert "hmlc_ray.taxonomy.Taxonomy" in pages["api.html"].ids
    assert "UserError" in text
    assert "Args:" not in text, "a docstring was not parsed"
    assert "<blockquote>" not in text, "an example is not a block of code"
