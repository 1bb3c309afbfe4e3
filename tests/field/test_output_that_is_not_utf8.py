"""Names that the terminal or the locale cannot show end no command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from field.folder_trees import trial_file
from made_images import make_images

LEVELS = ["Größe/植物", "種 $x^$"]
LOCALES = {
    "ASCII output": {"PYTHONIOENCODING": "ascii"},
    "ASCII, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1 output": {"PYTHONIOENCODING": "latin-1"},
    "no locale": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no locale at all": {"LC_ALL": "", "LANG": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    make_images(tmp_path / "Bäume", ["Säuger/猫", "Säuger/犬", "Vögel/鳥", "x/y"], 4)
    os.rename(tmp_path / "Bäume" / "x" / "y", os.fsencode(tmp_path / "Bäume" / "x") + b"/caf\xe9")
    return trial_file(tmp_path, root="Bäume", level_names=LEVELS)


def hmlc(trial: Path, locale: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "PYTHONUTF8")}
    command = [sys.executable, "-m", "hmlc_ray.cli", *arguments]
    environment |= {"HMLC_HOME": "home", **locale}
    return subprocess.run(command, cwd=trial.parent, env=environment, capture_output=True, check=False)


@pytest.mark.slow
def test_training_ends_well_where_nothing_is_utf8(trial: Path) -> None:
    locale = LOCALES["no locale"] | {"PYTHONIOENCODING": "ascii:strict"}
    done = hmlc(trial, locale, "train", "trial.yaml", "--test")
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert "Größe".encode("ascii", "backslashreplace") in done.stdout
    config = next((trial.parent / "home" / "runs").glob("*/encoder/config.json"))
    assert json.loads(config.read_text(encoding="utf-8"))["taxonomy"]["level_names"] == LEVELS


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
def test_looking_at_data_ends_well(trial: Path, locale: dict[str, str]) -> None:
    for arguments in (["check", "trial.yaml"], ["taxonomy", "show", "Bäume"]):
        done = hmlc(trial, locale, *arguments)
        assert (done.returncode, done.stderr) == (0, b""), done.stderr


def test_an_error_with_such_a_name_is_one_sentence(trial: Path) -> None:
    done = hmlc(trial, LOCALES["no locale"], "taxonomy", "show", "Gräser")
    assert done.returncode == 2
    assert done.stderr.startswith(b"hmlc: 'Gr")
    assert b"is not a taxonomy" in done.stderr


def test_a_python_that_ignores_its_environment_starts_anew_once(trial: Path) -> None:
    command = [sys.executable, "-X", "utf8=0", "-E", "-m", "hmlc_ray.cli", "--version"]
    environment = {**os.environ, "LC_ALL": "POSIX"}
    done = subprocess.run(command, env=environment, cwd=trial.parent, capture_output=True, check=False, timeout=200)
    assert (done.returncode, done.stdout[:8]) == (0, b"hmlc-ray"), done.stderr
