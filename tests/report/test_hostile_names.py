"""Names of classes, files, levels and runs are text, whatever they look like."""

from __future__ import annotations

from html import unescape

import pytest
from made_report import hostile_page
from made_study import HOSTILE
from pages_as_read import check, specs, text_of

from hmlc_ray.report.charts.base import cut
from hmlc_ray.report.links import Links
from hmlc_ray.report.page import render as rendering
from hmlc_ray.report.page.blocks import Link, Page, Section, Table
from hmlc_ray.report.page.vega import safe_script


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "vega_script", lambda: "window.vegaEmbed = null;")


def test_they_are_shown_and_nothing_else() -> None:
    root = check(rendering.render(hostile_page()))
    assert len(list(root.iter("script"))) == 3  # the charts' data, and two programs
    handlers = [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert handlers == []
    text = text_of(root)
    for name in HOSTILE:
        assert " ".join(unescape(name).split()) in text or " ".join(name.split()) in text


def test_in_charts_they_are_values() -> None:
    html = rendering.render(hostile_page())
    drawn = specs(check(html))
    found = {str(value) for spec in drawn for row in _rows(spec) for value in row.values()}
    assert {cut(name) for name in HOSTILE[:3]} <= found
    # Nothing of them is part of an expression or the name of a field.
    for spec in drawn:
        assert not any(mark in str(_without_data(spec)) for mark in ("pwned", "onerror", "7 * 7", "<script"))


@pytest.mark.slow
def test_no_expression_of_vega_has_them() -> None:
    import vl_convert

    drawn = specs(check(rendering.render(hostile_page())))
    assert len(drawn) >= 5
    for spec in drawn:
        compiled = str(_without_values(vl_convert.vegalite_to_vega(spec)))
        assert not any(mark in compiled for mark in ("pwned", "onerror", "7 * 7", "<script"))


def _without_values(value: object) -> object:
    """A compiled chart without what Vega takes for values: rows, and the texts of domains, titles and choices."""
    if isinstance(value, dict):
        left_out = ("values", "domain", "title", "labels")
        return {name: _without_values(inner) for name, inner in value.items() if name not in left_out}
    return [_without_values(inner) for inner in value] if isinstance(value, list) else value


def _rows(spec: dict) -> list[dict]:  # type: ignore[type-arg]
    return [row for part in (spec, *spec.get("layer", [])) for row in part.get("data", {}).get("values", [])]


def _without_data(value: object) -> object:
    """A specification without what is data: rows, and the texts of domains, titles and choices."""
    if isinstance(value, dict):
        left_out = ("data", "domain", "title", "labels")
        return {name: _without_data(inner) for name, inner in value.items() if name not in left_out}
    return [_without_data(inner) for inner in value] if isinstance(value, list) else value


def test_the_page_allows_no_script_but_its_own() -> None:
    html = rendering.render(hostile_page())
    (policy,) = [meta.get("content") for meta in check(html).iter("meta") if meta.get("http-equiv")]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "'unsafe-inline'" not in rules["script-src"]
    assert rules["script-src"].count("'sha256-") == 2


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//host/x", None])
def test_a_link_leads_to_a_web_page_or_nowhere(url: str | None) -> None:
    table = Table("a", ("b",), ((Link("run", url),),))
    root = check(rendering.render(Page("t", "s", (Section("x", "x", (table,)),))))
    assert [link.get("href") for link in root.iter("a")] == ["#content", "#x"]


def test_a_link_to_a_server_has_no_password(links: Links) -> None:
    assert links.run("abc").url == "https://mlflow.example:5000/#/experiments/7/runs/abc"
    assert links.run("abc", "sqlite:///elsewhere.db").url is None


@pytest.fixture
def links() -> Links:
    from pathlib import Path

    from hmlc_ray.home import Home
    from hmlc_ray.study.workspace import Workspace

    workspace = Workspace(Home.of(Path("/nowhere")), "https://user:secret@mlflow.example:5000")
    return Links(workspace, "7", "https://mlflow.example:5000")


def test_commands_name_the_store_without_its_password(links: Links) -> None:
    assert links.command("best", "made") == "hmlc best made --tracking-uri https://mlflow.example:5000"
    assert "secret" not in links.python_arguments()


def test_no_script_ends_its_own_element() -> None:
    assert safe_script('a = "</script><!-- </SCRIPT";') == r'a = "\x3c/script>\x3c!-- \x3c/SCRIPT";'
