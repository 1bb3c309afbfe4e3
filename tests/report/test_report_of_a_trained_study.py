"""The report of a study whose encoder is there: its samples are encoded, and what it says to type works."""

from __future__ import annotations

import tarfile
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
import torch
from pages_as_read import check, specs, text_of
from PIL import Image
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.home import Home
from hmlc_ray.report.write import write_report
from hmlc_ray.study.workspace import Workspace

pytestmark = pytest.mark.slow
OLD = Path(__file__).parents[1] / "sweep" / "studies" / "begun.tar.xz"


@pytest.fixture(scope="module")
def page(trained: Path) -> Element:
    return check((trained / "report.html").read_text(encoding="utf-8"))


def test_samples_are_on_a_map_with_thumbnails(page: Element) -> None:
    rows = specs(page)[-1]["data"]["values"]
    assert len(rows) == 287  # the validation split of the digits
    assert all(row["picture"].startswith("data:image/webp;base64,") for row in rows)
    assert {row["c0"] for row in rows} == {"even", "odd"}
    assert all(0 <= row["x"] <= 1 and 0 <= row["y"] <= 1 for row in rows)
    text = text_of(page)
    assert "287 samples of the val split were encoded again" in text
    wrong = sum(row["wrong"] == "wrong leaf" for row in rows)
    assert f"The leaf of {wrong} samples is wrong." in text
    pictures = page.findall(".//section[@id='samples']//td/img")
    assert len(pictures) == min(wrong, 24)


def test_probes_on_the_masks_are_in_a_table(page: Element) -> None:
    text = text_of(page)
    assert "selected for parity" in text
    assert "all but those of digit" in text


def test_the_program_and_the_commands_work(page: Element, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8)).save("seven.png")
    (program,) = [text for text in codes(page) if "load_encoder" in text]
    names: dict[str, torch.Tensor] = {}
    exec(program, names)
    assert names["features"].shape == (1, 16)
    (again,) = [text for text in codes(page) if text.startswith("hmlc best")]
    best, train = again.splitlines()
    done = CliRunner().invoke(app, best.split()[1:])
    assert (done.exit_code, (tmp_path / "best.yaml").is_file()) == (0, True), done.output
    assert train.startswith("hmlc train best.yaml --home ")


def codes(page: Element) -> list[str]:
    """The commands and programs of a page."""
    return ["".join(code.itertext()) for code in page.iter("code")]


@pytest.mark.journey
def test_a_study_of_an_earlier_version(tmp_path: Path) -> None:
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, filter="data")
    written = write_report("begun", Workspace(Home.of(tmp_path / "home")), tmp_path / "old.html")
    text = text_of(check((tmp_path / "old.html").read_text(encoding="utf-8")))
    assert written.logged
    assert "3 of 4 planned trials have started: 1 running and 2 completed." in text
    assert "The best is trial" in text
    assert "samples of the val split were encoded again" in text
