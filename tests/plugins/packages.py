"""Plug-ins as an installer would leave them, without one: a package and its metadata in a folder of the path."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).with_name("hmlc_example")


def install_example(site: Path) -> Path:
    """The example package of the tests in a folder, which is returned."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(EXAMPLE / "hmlc_example", site / "hmlc_example", ignore=shutil.ignore_patterns("__pycache__"))
    return write_metadata(site, project["name"], project["version"], project["entry-points"])


def install(
    site: Path, name: str, code: str, entry_points: Mapping[str, Mapping[str, str]], version: str = "1"
) -> Path:
    """A distribution with one module of the same name (`-` becomes `_`)."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{name.replace('-', '_')}.py").write_text(code, encoding="utf-8")
    return write_metadata(site, name, version, entry_points)


def write_metadata(site: Path, name: str, version: str, entry_points: Mapping[str, Mapping[str, str]]) -> Path:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in entry_points.items()
    ]
    (folder / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return site


def with_site(*sites: Path) -> dict[str, str]:
    """The environment variables of a process that finds what is installed there."""
    given = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([*map(str, sites), *([given] if given else [])])}
