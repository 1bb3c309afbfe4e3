"""`hmlc data prepare` and `hmlc data show`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_examples import Run
from PIL import Image

LEAVES = {"fruit/apple": 8, "fruit/pear": 4, "root/leek": 4}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folders of random images, one of them twice as large as the others."""
    rng = np.random.default_rng(0)
    for name, count in LEAVES.items():
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "images"


def arguments(root: Path, *more: str) -> list[str]:
    return ["image-folder", "-o", f"data.root={root}", "-o", "data.image_size=8", *more]


def test_prepare_decodes_once_and_says_so(
    hmlc: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HMLC_CACHE")
    first = hmlc("data", "prepare", *arguments(root), "--home", tmp_path / "h")
    assert first.exit_code == 0
    assert f"image-folder: 9 train, 3 val, 4 test; decoded into {tmp_path / 'h' / 'cache'}; " in first.output
    assert "nothing was left to do" in hmlc("data", "prepare", *arguments(root), "--home", tmp_path / "h").output
    (pixels,) = (tmp_path / "h" / "cache").glob("*/images.bin")
    pixels.write_bytes(bytes(pixels.stat().st_size))
    repaired = hmlc("data", "prepare", *arguments(root), "--home", tmp_path / "h")
    assert "what was cached was damaged, and is decoded again" in repaired.output
    assert any(pixels.read_bytes())


def test_show_counts_and_draws(hmlc: Run, root: Path) -> None:
    result = hmlc("data", "show", *arguments(root, "-o", "views.flip=0.5"), "--out", "sheet.png")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:3] == ["level0 (2) > level1 (3)", "├── fruit [7 / 2 / 3]", "│   ├── apple [5 / 1 / 2]"]
    assert "in brackets: samples of train / val / test" in lines
    assert "samples: 9 train, 3 val, 4 test; each 3x8x8" in lines
    assert "imbalance in train, largest class by smallest: level0 3.5, level1 2.5" in lines
    assert "the same samples in several splits: none" in lines
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert np.unique(np.asarray(sheet)).size > 100
    assert not list(Path().glob(".sheet*"))


def test_show_prints_json(hmlc: Run, root: Path) -> None:
    facts = json.loads(hmlc("data", "show", *arguments(root), "--json").output)
    assert facts["samples"] == {"train": 9, "val": 3, "test": 4}
    assert facts["levels"][1]["classes"]["apple"] == {"train": 5, "val": 1, "test": 2}
    assert facts["duplicates"] == {"train/val": 0, "train/test": 0, "val/test": 0}
    assert len(facts["fingerprint"]) == 64


def test_show_tells_duplicates(hmlc: Run, root: Path) -> None:
    for i in range(8):
        (root / "fruit" / "apple" / f"{i}.png").write_bytes((root / "fruit" / "apple" / "0.png").read_bytes())
    result = hmlc("data", "show", *arguments(root))
    assert (
        "the same samples in several splits: 1 of val are in train, 2 of test are in train, 2 of test" in result.output
    )


def test_a_file_and_points_are_shown_too(hmlc: Run) -> None:
    data = "{kind: primitives, per_class: 8, num_points: 64}"
    Path("space.yaml").write_text(f"study: {{name: s}}\nbase: {{data: {data}}}\nspace: {{seed: {{int: [0, 1]}}}}\n")
    result = hmlc("data", "show", "space.yaml", "--depth", "1", "--out", "p.png")
    assert result.exit_code == 0, result.output
    assert "each 64x3" in result.output
    with Image.open("p.png") as sheet:
        assert np.unique(np.asarray(sheet)).size > 20


@pytest.mark.parametrize(
    ("target", "options", "sentence"),
    [
        ("grocry", [], "'grocry' is neither a file nor a kind of data (did you mean 'grocery'?)"),
        ("grocery", [], "grocery: data.root is missing: give it in the file or by -o data.root=..."),
        ("image-folder", ["-o", "data.root=nowhere"], "there is no data folder"),
        ("digits", ["-o", "data.taxnomy=parity"], "digits: unknown key data.taxnomy (did you mean 'taxonomy'?)"),
        ("nothing.yaml", [], "nothing.yaml"),
        ("manifest", ["-o", "data.file=l.csv"], "cannot read the manifest"),
    ],
)
@pytest.mark.parametrize("command", ["prepare", "show"])
def test_mistakes_are_one_sentence(hmlc: Run, command: str, target: str, options: list[str], sentence: str) -> None:
    result = hmlc("data", command, target, *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("hmlc-home").exists()


def test_a_sheet_that_cannot_be_written_is_told(hmlc: Run) -> None:
    assert "must be a .png file" in hmlc("data", "show", "digits", "--out", "sheet.jpg").stderr
    assert "cannot write the contact sheet" in hmlc("data", "show", "digits", "--out", "no/sheet.png").stderr
