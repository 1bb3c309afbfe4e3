"""`docs/configuration.md` says of every key what the models say, and its examples are valid."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.load import load_yaml
from hmlc_ray.config.sweep import load_sweep

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))


def test_the_tables_are_those_of_the_models() -> None:
    # In a process of its own: what becomes of the text under a key is decided before the models are made.
    program = (
        "import runpy, sys; sys.path.insert(0, 'docs'); print(runpy.run_path('docs/reference.py')['page'](), end='')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == PAGE.read_text(encoding="utf-8"), "the models have changed: run `python docs/reference.py`"


def test_the_examples_are_valid(tmp_path: Path) -> None:
    trial, space, profiles = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "t.yaml").write_text(trial)
    (tmp_path / "s.yaml").write_text(space + profiles)
    assert load_trial(tmp_path / "t.yaml").seed == 3
    assert load_sweep(tmp_path / "s.yaml", profile="smoke").study.num_trials == 2


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two levels, empty files for images."""
    for leaf in ("fruit/apple", "fruit/pear", "root/leek"):
        (tmp_path / leaf).mkdir(parents=True)
        (tmp_path / leaf / "1.png").touch()
    return tmp_path


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.name)
def test_every_search_space_loads(path: Path, images: Path) -> None:
    overrides = [f"data.root={images}"] if path.name == "image_folder.yaml" else []
    for profile in load_yaml(path).get("profiles", {}):
        assert load_sweep(path, overrides, profile).study.num_trials < 5
    sweep = load_sweep(path, overrides)
    assert re.fullmatch(sweep.study.name.replace("-", "[-_]"), path.stem), "a study is named after its file"
    assert load_trial(path, overrides).data == sweep.base_trial().data


def test_the_search_covers_what_the_demo_promises() -> None:
    space = load_sweep(ROOT / "search_spaces" / "digits.yaml").search_space()
    names = {name for chosen in space.assignments() for name, _, _ in space.dimensions(chosen)}
    assert set(space.branches["objective"]) == {"g-hmlc", "a-hmlc"}
    assert {"objective.temperature", "objective[g-hmlc].mixture_components"} <= names
    assert any("level_weights" in name for name in names)
