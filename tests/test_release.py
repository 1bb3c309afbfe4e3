"""What a release consists of: wheel and sdist, licences, citation, templates."""

from __future__ import annotations

import csv
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from email.message import Message
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

import hmlc_ray

ROOT = Path(__file__).parents[1]
SPACES = {file.relative_to(ROOT).as_posix() for file in (ROOT / "search_spaces").rglob("*.yaml")}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this tree, and the wheel that is built from it.

    Built from a copy: setuptools writes beside what it packs, where another build of the same tree would meet it.
    """
    folder, tree = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("hmlc_ray", "search_spaces"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, tree], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_wheel_and_sdist_hold_the_package_and_its_search_spaces(dist: Path) -> None:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    assert wheel.name == f"hmlc_ray-{hmlc_ray.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "hmlc_ray").rglob("*.py")}
    assert modules - held == set()
    assert {f"hmlc_ray/{name}" for name in SPACES} - held == set()
    assert {name.partition("/")[0] for name in held} == {"hmlc_ray", f"hmlc_ray-{hmlc_ray.__version__}.dist-info"}
    with tarfile.open(sdist) as source:
        assert not [member.name for member in source.getmembers() if member.issym()]


@pytest.mark.slow
def test_an_installed_wheel_knows_the_packaged_search_spaces(dist: Path, tmp_path: Path) -> None:
    """In an environment of its own that sees the dependencies of this one, and not this tree."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = dist.glob("*.whl")
    here = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )
    site = Path(here.stdout.strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (site / "shared.pth").write_text("\n".join(shared))
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    (tmp_path / "work").mkdir()

    def hmlc(*words: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from hmlc_ray.cli.main import run; sys.argv[0] = 'hmlc'; run()"
        command = [python, "-P", "-c", program, *words]
        return subprocess.run(command, cwd=tmp_path / "work", env=clean, capture_output=True, text=True)

    where = subprocess.run(
        [python, "-P", "-c", "import hmlc_ray; print(hmlc_ray.__file__)"],
        cwd=tmp_path / "work",
        env=clean,
        capture_output=True,
        text=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(site), where.stderr
    checked = hmlc("check", "digits")
    assert checked.stdout.startswith("digits: a valid search space\n  study: digits, 16 trials"), checked.stderr
    assert hmlc("check", "suites/digits").stdout.startswith("suites/digits: a valid suite\n")
    missing = hmlc("sweep", "digts")
    assert missing.returncode == 2
    assert "the package has no search space or suite of that name (did you mean 'digits'?)" in missing.stderr.replace(
        "\n", " "
    )


def test_licences_are_read_where_distributions_state_them() -> None:
    program = runpy.run_path(str(ROOT / "docker" / "licences.py"))

    def licence(**fields: str | list[str]) -> str:
        metadata = Message()
        for name, values in fields.items():
            for value in [values] if isinstance(values, str) else values:
                metadata[name.replace("_", "-")] = value
        return str(program["licence_of"](metadata))

    assert licence(License_Expression="MIT", License="something") == "MIT"
    osi = ["License :: OSI Approved", "License :: OSI Approved :: BSD License", "Topic :: Software Development"]
    assert licence(Classifier=osi, License="3-clause") == "BSD License"
    assert licence(License="Apache-2.0\nThe whole text follows") == "Apache-2.0"
    assert licence(License="UNKNOWN") == licence() == "not stated"


def test_licences_of_the_dependencies_are_listed() -> None:
    done = subprocess.run([sys.executable, ROOT / "docker" / "licences.py"], capture_output=True, text=True, check=True)
    table = {row["name"].lower(): row for row in csv.DictReader(done.stdout.splitlines())}
    assert {"torch", "ray", "optuna", "mlflow", "hmlc-ray"} <= set(table)
    assert table["hmlc-ray"] == {"name": "hmlc-ray", "version": hmlc_ray.__version__, "licence": "Apache-2.0"}
    unknown = [name for name, row in table.items() if row["licence"] == "not stated"]
    assert len(unknown) < len(table) / 10, unknown


def test_one_version_is_named_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == hmlc_ray.__version__
    assert f"## [{hmlc_ray.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = Version(hmlc_ray.__version__)
    assert f"This is {version.major}.{version.minor}." in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_citation_has_what_the_format_asks_for() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == project["license"]


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda f: f.stem)
def test_issue_templates_are_forms(file: Path) -> None:
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    fields = form["body"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)
