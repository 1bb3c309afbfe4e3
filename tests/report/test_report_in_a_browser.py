"""Reports in a real headless Chromium: drawn, offline, accessible, at the width of a phone and of a screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import SIZES, VARIABLE, chromium, kept, launched, opened, violations
from made_report import hostile_page, written
from playwright.sync_api import Browser, expect

from hmlc_ray.report.page.render import render

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason=f"no Chromium on the search path or in {VARIABLE}"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(trained: Path) -> Path:
    """The report of a small study; `HMLC_SCREENSHOTS` keeps pictures of it."""
    return trained / "report.html"


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_it_is_drawn_without_an_error_and_without_a_request(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    with opened(browser, report, width, scheme) as shown:
        page = shown.page
        assert shown.said == []
        assert shown.asked == [report.as_uri()]
        charts = page.locator("[data-chart]")
        assert charts.count() >= 10
        assert page.locator("[data-chart] svg").count() == charts.count()
        assert page.locator("[data-chart] svg path").count() > 50
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
        assert dark == (scheme == "dark")
        page.locator("#theme").click()
        assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)") != dark
        page.locator("#theme").click()
        kept(page, f"report-{width}-{scheme}", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_it_is_accessible(browser: Browser, report: Path, width: int, scheme: str) -> None:
    with opened(browser, report, width, scheme, bypass_csp=True) as shown:
        assert violations(shown.page) == []


def test_the_table_is_sorted_from_the_keyboard(browser: Browser, report: Path) -> None:
    with opened(browser, report, 1400, "light") as shown:
        table = shown.page.locator("#trials table[data-sortable]")
        heading = table.locator("th", has_text="trial").first
        heading.locator("button").focus()
        shown.page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == "ascending"
        column = table.locator("tbody tr > :nth-child(2)")
        assert column.all_inner_texts() == [str(number) for number in range(9)]
        shown.page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == "descending"
        assert column.all_inner_texts() == [str(number) for number in reversed(range(9))]


def test_a_sample_shows_its_thumbnail_and_its_name(browser: Browser, report: Path) -> None:
    with opened(browser, report, 1400, "light") as shown:
        page = shown.page
        drawing = page.locator("#samples [data-chart]").first
        drawing.scroll_into_view_if_needed()
        mark = drawing.locator("svg .mark-symbol.role-mark path").first
        mark.hover(force=True)
        tip = page.locator("#tip")
        expect(tip).to_contain_text("sample: val sample")
        assert str(tip.locator("img").get_attribute("src")).startswith("data:image/webp;base64,")
        mark.click(force=True)
        picked = page.locator("#samples .picked").first
        expect(picked).to_be_visible()
        assert "true: " in picked.inner_text()


def test_a_choice_changes_what_is_drawn(browser: Browser, report: Path) -> None:
    with opened(browser, report, 1400, "light") as shown:
        page = shown.page
        choice = page.locator("#search select").first
        number = choice.evaluate("own => own.closest('.controls').id.split('-')[1]")
        marks = page.locator(f"#chart-{number} svg .mark-symbol.role-mark path")
        labels = choice.locator("option").all_inner_texts()
        assert labels == ["value: val/probe_top1/mean", "accuracy at parity", "accuracy at digit"]
        before = str(marks.first.get_attribute("transform"))
        choice.select_option(index=2)
        expect(marks.first).not_to_have_attribute("transform", before)


def test_it_is_printed_whole(browser: Browser, report: Path) -> None:
    with opened(browser, report, 1400, "dark") as shown:
        page = shown.page
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("nav").is_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).maxHeight") == "none"
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    file = written(render(hostile_page()), tmp_path)
    with opened(browser, file, 1400, "light") as shown:
        page = shown.page
        assert page.evaluate("window.pwned") is None
        drawing = page.locator("#samples [data-chart]").first
        drawing.locator("svg .mark-symbol.role-mark path").first.hover(force=True)
        expect(page.locator("#tip")).to_contain_text("<script>window.pwned = 1</script>")
        page.locator("#samples select").select_option(index=1)
        assert page.evaluate("window.pwned") is None
        assert page.locator("img[src=x]").count() == 0
        assert shown.said == []
        assert shown.asked == [file.as_uri()]


def test_a_script_that_got_in_would_not_run(browser: Browser, tmp_path: Path) -> None:
    page = render(hostile_page()).replace(
        "</main>", "<script>window.pwned = 5</script><img src='x.png' alt='x'></main>"
    )
    with opened(browser, written(page, tmp_path), 1400, "light") as shown:
        assert shown.page.evaluate("window.pwned") is None
        assert any("Content Security Policy" in line for line in shown.said)
        assert shown.asked[1:] == shown.failed
        assert len(shown.failed) == 1
