"""Whatever is imported is declared: what another package happens to bring along may be gone with its next version."""

from __future__ import annotations

import ast
import importlib.util
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


@cache
def own() -> set[str]:
    """Modules of the repository that are imported by their bare names."""
    folders = [ROOT / name for name in ("tests", "benchmarks", "docs")]
    return {"hmlc_ray"} | {path.stem for folder in folders for path in folder.rglob("*") if path.suffix in ("", ".py")}


def imported(folder: Path) -> dict[tuple[str, bool], str]:
    """Third-party modules by their first names and whether they may be missing, each with a place that imports it."""
    found: dict[tuple[str, bool], str] = {}
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        guarded = {id(node) for block in ast.walk(tree) if _is_guard(block) for node in ast.walk(block)}
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names} - own() - sys.stdlib_module_names:
                where = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                found.setdefault((name, id(node) in guarded), where)
    return found


def _is_guard(node: ast.AST) -> bool:
    """A `try` that says what is missing."""
    return isinstance(node, ast.Try) and any(
        isinstance(name, ast.Name) and name.id in ("ImportError", "ModuleNotFoundError")
        for handler in node.handlers
        for name in ast.walk(handler.type or handler)
    )


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("hmlc_ray", ()),
        ("tests", ("dev", "postgres", "s3", "server")),
        ("benchmarks", ("dev", "postgres", "s3", "server")),
        ("docs", ("dev", "docs")),
        ("docker", ("dev",)),
    ],
)
def test_every_import_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    known, optional = declared(*extras), declared(*PROJECT["optional-dependencies"])
    undeclared = {
        module: where
        for (module, may_miss), where in imported(ROOT / folder).items()
        if not (optional if may_miss else known) & set(distributions().get(module, [canonicalize_name(module)]))
    }
    assert undeclared == {}


def test_every_declared_distribution_has_a_lower_bound() -> None:
    lines = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
    without = [
        line for line in lines if not any(bound.operator in (">=", "==") for bound in Requirement(line).specifier)
    ]
    assert without == []


def test_no_tool_makes_every_process_start_later() -> None:
    """jsonschema, which Ray and MLflow import in every process, imports this package where it is installed: 1.5 s."""
    assert importlib.util.find_spec("rfc3987_syntax") is None
