"""Pages in a real headless Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

VARIABLE = "HMLC_CHROMIUM"
"""Path of the browser; by default `chromium`, `chromium-browser` or `google-chrome` of the search path."""
SCREENSHOTS = "HMLC_SCREENSHOTS"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
_OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
WAIT_MS = 120_000
"""For what the browser has to load and draw: a busy machine needs long for the first page."""
SIZES = ((390, "light"), (390, "dark"), (1400, "light"), (1400, "dark"))
"""Widths of the window in pixels, and colour schemes of the system."""


def chromium() -> str | None:
    """The browser; None where there is none."""
    given = os.environ.get(VARIABLE)
    return given or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser, for the time of the block."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        path = chromium()
        browser = playwright.chromium.launch(executable_path=path, args=[*_OPTIONS, *_OFFLINE])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A file that is open, drawn to its end."""

    page: Page
    said: list[str] = field(default_factory=list)
    """Messages of the console, errors of scripts, and violations of the page's policy."""
    asked: list[str] = field(default_factory=list)
    """Addresses that were asked for, without `data:`."""
    failed: list[str] = field(default_factory=list)
    """Those of them that did not answer, or that the page's policy forbids."""


@contextmanager
def opened(browser: Browser, file: Path, width: int, scheme: Any, *, bypass_csp: bool = False) -> Iterator[Opened]:
    """A file in a window of that width, in a system of that colour scheme.

    Args:
        bypass_csp: let the test add scripts of its own, which the page's policy forbids.
    """
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=bypass_csp, has_touch=width < 500)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    shown = Opened(page)
    page.on("console", lambda message: shown.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: shown.said.append(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith("data:") or shown.asked.append(request.url))
    page.on("requestfailed", lambda request: shown.failed.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn]")
    try:
        yield shown
    finally:
        context.close()


def kept(page: Page, name: str, **options: Any) -> None:
    """Keep a picture of the page in the folder of `HMLC_SCREENSHOTS`, where that is set."""
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", **options)


def violations(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical, of a page that was opened with `bypass_csp`."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
