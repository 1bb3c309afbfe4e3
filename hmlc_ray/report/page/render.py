"""Pages as HTML: one file with its style, its scripts and its data, which loads nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from itertools import count
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hmlc_ray.report.page import blocks
from hmlc_ray.report.page.blocks import Page
from hmlc_ray.report.page.vega import safe_script, vega_script

_KINDS = {
    kind: kind.__name__.lower() for kind in (blocks.Text, blocks.Table, blocks.Chart, blocks.Code, blocks.Heading)
}


def render(page: Page) -> str:
    """The page as HTML.

    Whatever comes from data is escaped by Jinja2, in the charts' JSON too. Should something be missed all the same, the
    page's own policy allows no script but the two that are in it, and no request to any address.
    """
    template = _environment().get_template("page.html")
    scripts = [vega_script(), safe_script(_text("report.js"))] if page.charts else [safe_script(_text("report.js"))]
    return template.render(
        page=page,
        style=_text("report.css"),
        scripts=scripts,
        policy=_policy(scripts),
        specs=[chart.spec for chart in page.charts],
        next_chart=count().__next__,
        next_table=count().__next__,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hmlc_ray.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {
        "kind": _kind,
        "cell": _cell_kind,
        "shown": _shown,
        "order": _order,
    }
    return environment


@cache
def _text(name: str) -> str:
    return files("hmlc_ray.report.page").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """The content security policy: nothing is loaded; Vega makes functions of expressions, which are all ours."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _kind(block: blocks.Block) -> str:
    return _KINDS[type(block)]


def _cell_kind(cell: blocks.Cell) -> str:
    if isinstance(cell, blocks.Link):
        return "link" if cell.url is not None and cell.url.startswith(("http://", "https://")) else "text"
    if isinstance(cell, blocks.Picture):
        return "picture"
    return "number" if isinstance(cell, int | float) else "text"


def _shown(cell: blocks.Cell) -> str:
    """The text of a cell."""
    if cell is None:
        return ""
    if isinstance(cell, blocks.Link):
        return cell.text
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _order(cell: blocks.Cell) -> Any:
    """What a column is sorted by."""
    return repr(cell) if isinstance(cell, int | float) else _shown(cell)
