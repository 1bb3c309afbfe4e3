"""The pictures of the README and of the pages on the report and on MLflow, made of a finished study:

    cd FOLDER && python REPOSITORY/docs/pictures.py STUDY

It is run in the folder that has `hmlc-home`, so that no page names a path; a picture on which a path, the machine or
the user can be read is refused. Needs the tools of the tests and a Chromium.
"""

from __future__ import annotations

import argparse
import getpass
import io
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

import hmlc_ray

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("", "sweep", "report", "sweep/outcome")]

from browser import launched, opened  # noqa: E402
from mlflow_pages import SIZE, expand, landed, link, open_description, served  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
LARGEST = 250_000
"""Bytes of a picture."""
COLOURS = 128
COLUMN = 820
"""The width of a window of the report, in pixels; two of them are shown beside each other."""
WIDEST = 1500
"""The width of the table of runs, in pixels."""
MARGIN = 12
"""Pixels above a heading and below a chart."""
_TEXT_WITHIN = """([x, y, width, height]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect(), top = box.top + scrollY, left = box.left + scrollX;
    if (top < y + height && top + box.height > y && left < x + width && left + box.width > x)
      found.push(walker.currentNode.textContent);
  }
  return found.join("\\n");
}"""

_HEADING_AND_CHART = """heading => {
  const bottom = heading.nextElementSibling.getBoundingClientRect().bottom;
  return [heading.getBoundingClientRect().top + scrollY, bottom + scrollY];
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", metavar="STUDY")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the pictures")
    options = parser.parse_args()
    with launched() as browser:
        save(of_report(browser, options.study), options.out / "report.png")
        with served(Path.cwd()) as address:
            save(of_mlflow(browser, address, options.study, _study), options.out / "mlflow_study.png")
            save(of_mlflow(browser, address, options.study, _runs), options.out / "mlflow_runs.png")


def of_report(browser: Browser, study: str) -> Image.Image:
    """The begin of a report, and beside it what its trials and its samples look like."""
    with tempfile.TemporaryDirectory() as folder:
        written = hmlc_ray.report(study, out=Path(folder) / "report.html")
        assert written.file is not None
        with opened(browser, written.file, COLUMN, "light") as shown:
            page = shown.page
            right = [_chart(page, heading) for heading in ("Learning curves", "Map of samples")]
            height = sum(image.height for image in right)
            left = picture(page, (0, 0, COLUMN, _end_of_row(page, height)))
    whole = Image.new("RGB", (2 * COLUMN, height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right[0], (COLUMN, 0))
    whole.paste(right[1], (COLUMN, right[0].height))
    return whole


def _end_of_row(page: Page, most: int) -> int:
    """Where the last row of the ranked trials ends that ends within so many pixels of the page."""
    rows = page.locator("#trials table tbody tr").evaluate_all(
        "e => e.map(r => r.getBoundingClientRect().bottom + scrollY)"
    )
    return int(max(end for end in rows if end <= most))


def _chart(page: Page, heading: str) -> Image.Image:
    """A chart with its heading, to the end of its legend."""
    top, bottom = page.get_by_role("heading", name=heading, exact=True).evaluate(_HEADING_AND_CHART)
    return picture(page, (0, int(top) - MARGIN, COLUMN, int(bottom - top) + 2 * MARGIN))


def of_mlflow(browser: Browser, address: str, study: str, prepare: Callable[[Page, str], None]) -> Image.Image:
    """A page of MLflow's interface, from where `hmlc ui` leads."""
    with landed(browser, address) as page:
        prepare(page, study)
        return picture(page, (0, 0, page.evaluate("innerWidth"), page.evaluate("innerHeight")))


def _runs(page: Page, study: str) -> None:
    page.set_viewport_size({"width": WIDEST, "height": 700})
    expand(page, study)
    page.get_by_role("link", name=f"{study}-").nth(5).wait_for()
    page.wait_for_timeout(1000)  # rows slide to where they stay
    for heading in reversed(page.locator(".ag-header-cell[col-id^='metrics.']").all()):
        _widen(page, heading, 65)  # the last one first, so that the others are still in the window
    _widen(page, page.locator(".ag-header-cell", has_text="Run Name"), 40)


def _widen(page: Page, heading: Locator, pixels: int) -> None:
    """A column of the table of runs, by its border: MLflow's own width hides most of a metric's name."""
    box = heading.locator(".ag-header-cell-resize").bounding_box()
    assert box is not None
    x, y = box["x"] + 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + pixels, y, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)


def _study(page: Page, study: str) -> None:
    page.set_viewport_size({"width": SIZE["width"], "height": 700})
    link(page, study).click()
    open_description(page)
    page.get_by_role("link", name=f"{study}-refit").wait_for()  # what is below the child runs moves down with them
    page.get_by_text("Datasets", exact=True).first.wait_for()


def picture(page: Page, clip: tuple[int, int, int, int]) -> Image.Image:
    """A part of a page: left, top, width and height in pixels. Refused if it names the machine, the user or a path."""
    text = page.evaluate(_TEXT_WITHIN, list(clip))
    private = (str(Path.home()), str(Path.cwd()), f"{socket.gethostname()}/", f"{getpass.getuser()}@", "file:///")
    shown = [word for word in private if word in text]
    assert not shown, f"the picture would show {shown}"
    x, y, width, height = clip
    box = {"x": x, "y": y, "width": width, "height": height}
    return Image.open(io.BytesIO(page.screenshot(clip=box, full_page=True))).convert("RGB")  # type: ignore[arg-type]


def save(image: Image.Image, file: Path) -> None:
    """As PNG with a palette, which a page of text needs no more than."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size <= LARGEST, f"{file} has {file.stat().st_size:,} bytes"
    print(f"{file}: {image.width} x {image.height}, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
