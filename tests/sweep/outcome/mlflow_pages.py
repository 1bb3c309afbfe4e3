"""MLflow's interface as `hmlc ui` opens it, in a real headless Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from browser import WAIT_MS
from jobs_head import free_ports
from playwright.sync_api import Browser, Locator, Page, expect
from sandbox import HMLC, wait_until

SIZE = {"width": 1400, "height": 900}
# MLflow's assistant opens beside the first page of a new browser.
_SEEN = """
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """The address that `hmlc ui` prints in a folder, once it answers; it ends with the block."""
    (port,) = free_ports(1)
    clean = {name: value for name, value in os.environ.items() if name not in ("HMLC_HOME", "MLFLOW_TRACKING_URI")}
    process = subprocess.Popen(
        [HMLC, "ui", "--port", str(port), *options],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        wait_until(lambda: _answers(address, process), "MLflow's interface")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=200)


def _answers(address: str, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, "the interface has ended"
    with suppress(OSError), urllib.request.urlopen(address.partition("#")[0], timeout=10) as answer:
        return bool(answer.status == 200)
    return False


@contextmanager
def landed(browser: Browser, address: str) -> Iterator[Page]:
    """The page at an address, in a browser that has not been there before."""
    context = browser.new_context(viewport=SIZE, color_scheme="light", timezone_id="UTC", locale="en-GB")  # type: ignore[arg-type]
    context.add_init_script(_SEEN)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    try:
        yield page
    finally:
        context.close()


def link(page: Page, name: str) -> Locator:
    """A link by its whole text, once it is visible."""
    found = page.get_by_role("link", name=name, exact=True).first
    expect(found).to_be_visible()
    return found


def expand(page: Page, study: str) -> None:
    """Show the trials below a study in the table of runs."""
    row = page.locator(".ag-cell", has=link(page, study))
    row.get_by_role("button").click()


def open_description(page: Page) -> None:
    """Show the whole description of the run that is open."""
    page.get_by_text("Show more", exact=True).click()
    expect(page.get_by_text("Show less", exact=True)).to_be_visible()


def open_artifacts(page: Page, folder: str) -> None:
    """A folder of the files of the run that is open."""
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_text(folder, exact=True).first.click()


def open_picture(page: Page, folder: str, name: str) -> None:
    """A picture of a folder that is open, once it is drawn."""
    page.get_by_text(name, exact=True).first.click()
    picture = page.locator(f"img[alt='{folder}/{name}']")
    expect(picture).to_be_visible()
    page.wait_for_function("picture => picture.naturalWidth > 200", arg=picture.element_handle())
