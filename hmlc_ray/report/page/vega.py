"""The program that draws the charts: Vega with Vega-Lite and Vega-Embed in one script, from the package vl-convert."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from hmlc_ray.files.disk_cache import open_entry, written
from hmlc_ray.home import cache_folder
from hmlc_ray.machine.activity import doing

_NAME = "vega.js"
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_SIZE = 2_000_000
_END = re.compile(r"<(?=/script|!--)", re.IGNORECASE)


@cache
def vega_script() -> str:
    """About 0.9 MB of JavaScript that sets `window.vegaEmbed`. It is bundled once per machine, which takes seconds."""
    folder = cache_folder() / "report" / f"vega-{version('vl-convert-python')}"
    with suppress(OSError):
        return open_entry(folder, _read, _fill, size=_SIZE)
    return _bundled()


def _read(folder: Path) -> str | None:
    file = folder / _NAME
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _fill(folder: Path) -> None:
    with written(folder / _NAME) as stream:
        stream.write(_bundled().encode())


def _bundled() -> str:
    import vl_convert

    doing("bundling the program that draws the charts, once on this machine")
    return safe_script(vl_convert.javascript_bundle(_SNIPPET))


def safe_script(script: str) -> str:
    """A script that can be part of a page: no text in it ends its element."""
    return _END.sub(r"\\x3c", script)
