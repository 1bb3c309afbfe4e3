"""A finished study in MLflow's own interface: what a person who types `hmlc ui` finds, in a real headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import VARIABLE, chromium, kept, launched
from mlflow.tracking import MlflowClient
from mlflow_pages import expand, landed, link, open_artifacts, open_description, open_picture, served
from playwright.sync_api import Page, expect
from sandbox import Sandbox

from hmlc_ray.study import schema

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # of which the study may take most
    pytest.mark.skipif(chromium() is None, reason=f"no Chromium on the search path or in {VARIABLE}"),
]


@pytest.fixture
def page(undisturbed: Sandbox) -> Iterator[Page]:
    """Where `hmlc ui` leads, in a browser that has never been there."""
    home = str(undisturbed.home.root)
    with (
        served(undisturbed.folder, "--home", home) as address,
        launched() as browser,
        landed(browser, address) as page,
    ):
        yield page


def files(sandbox: Sandbox, run_id: str) -> list[str]:
    """The confusion matrices of a run."""
    listed = MlflowClient(sandbox.store).list_artifacts(run_id, "confusion")
    return [file.path.rpartition("/")[2] for file in listed]


def test_a_study_is_found_read_and_followed_to_its_pictures_and_its_model(page: Page, undisturbed: Sandbox) -> None:
    """One walk through the pages, since the server and each first page take seconds."""
    tags = undisturbed.parent().tags
    best, trial = tags[schema.BEST_TRIAL], undisturbed.trials()[int(tags[schema.BEST_TRIAL])]
    name = f"small-{int(best):04d} {trial.tags[schema.OBJECTIVE]}"

    expand(page, "small")
    link(page, name)
    columns = page.locator(".ag-header-cell")
    expect(columns.filter(has_text="val/probe_top1/mean")).to_have_count(1)
    kept(page, "mlflow-runs")

    link(page, "small").click()
    open_description(page)
    expect(page.get_by_text("4 trials (4 completed) on digits")).to_be_visible()
    expect(page.get_by_role("link", name=f"trial {best}", exact=True).first).to_be_visible()
    expect(page.get_by_text("hmlc best small --emit-config best.yaml")).to_be_visible()
    kept(page, "mlflow-study")
    open_artifacts(page, "pictures")
    for picture in ("1-history.png", "7-learning-curves.png"):
        open_picture(page, "pictures", picture)
    kept(page, "mlflow-pictures")

    page.go_back()
    page.get_by_text("Overview", exact=True).first.click()
    link(page, name).click()
    expect(page.get_by_text("objective.temperature", exact=True).first).to_be_visible()
    kept(page, "mlflow-trial")
    open_artifacts(page, "confusion")
    drawn = next(file for file in files(undisturbed, trial.run_id) if file.endswith("-digit.png"))
    open_picture(page, "confusion", drawn)
    kept(page, "mlflow-confusion")

    # Only the view of model training leads to the registry; it has stayed since the first page.
    page.get_by_text("Model registry", exact=True).click()
    row = page.get_by_role("row").filter(has=link(page, "small"))
    expect(row).to_contain_text("@ best")
    kept(page, "mlflow-models")
