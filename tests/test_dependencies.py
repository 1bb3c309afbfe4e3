"""Whatever is imported is declared: what another package happens to bring along may be gone with its next version."""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared(*extras: str) -> set[str]:
    """Distributions of the package and of extras, by their canonical names."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(Requirement(line).name) for line in lines}


@cache
def distributions() -> dict[str, list[str]]:
    return {module: [canonicalize_name(name) for name in names] for module, names in packages_distributions().items()}


def imported(folder: Path) -> dict[str, str]:
    """Third-party modules by their first names, each with a place where it is imported."""
    files = list(folder.rglob("*.py"))
    own = {"hmlc_ray"} | {file.stem for file in files} | {file.name for file in folder.rglob("*") if file.is_dir()}
    found: dict[str, str] = {}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names} - own - sys.stdlib_module_names:
                found.setdefault(name, f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    return found


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("hmlc_ray", ()),
        ("tests", ("dev", "postgres", "s3", "server")),
        ("benchmarks", ("dev", "postgres", "s3", "server")),
        ("docs", ("dev",)),
        ("docker", ("dev",)),
    ],
)
def test_every_import_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    known = declared(*extras)
    undeclared = {
        module: where
        for module, where in imported(ROOT / folder).items()
        if not known.intersection(distributions().get(module, [canonicalize_name(module)]))
    }
    assert undeclared == {}


def test_every_declared_distribution_has_a_lower_bound() -> None:
    lines = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
    without = [
        line for line in lines if not any(bound.operator in (">=", "==") for bound in Requirement(line).specifier)
    ]
    assert without == []
