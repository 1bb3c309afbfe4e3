"""What may be loaded by what, beyond what the import contracts of pyproject.toml can say."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import hmlc_ray

PACKAGE = Path(hmlc_ray.__file__).parent
ROOT = Path(__file__).parents[1]
SWEEP = {"ray", "optuna", "mlflow"}


# In this order in one process, which starts six times as fast as six: what must not be loaded becomes less and less.
LOADED = {
    "hmlc_ray.config.sweep": SWEEP | {"sqlalchemy", "torch", "numpy", "sklearn"},
    "hmlc_ray.study.summary": SWEEP | {"sqlalchemy", "torch", "numpy", "sklearn"},
    "hmlc_ray.tracking": SWEEP | {"sqlalchemy", "torch"},
    "hmlc_ray.evaluation": SWEEP,
    "hmlc_ray.training.export": SWEEP,
    "hmlc_ray.training.fit": SWEEP,
}


def test_a_fresh_process_loads_no_more_than_it_must() -> None:
    absents = list(LOADED.values())
    assert all(later <= earlier for earlier, later in pairwise(absents))
    code = "import importlib, sys\n" + "\n".join(
        f"importlib.import_module({module!r}); print({module!r}, *sorted({absent!r} & set(sys.modules)))"
        for module, absent in LOADED.items()
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == list(LOADED)


@cache
def _nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def _imports(file: Path) -> set[str]:
    found = set()
    for node in _nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_only_one_module_speaks_torch_distributed() -> None:
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if any(name == "torch.distributed" or name.startswith("torch.distributed.") for name in _imports(file))
    }
    assert users == {"compute/distributed.py"}


SECTIONS = {"base", "data", "encoder", "features", "objective", "points", "samplers", "splits"} | {
    "stall",
    "start",
    "sweep",
    "taxonomy",
    "training",
    "trial",
}
"""Modules of `config` whose annotations pydantic reads at every start; see `config/base.py`."""


def test_every_module_postpones_annotations_but_those_of_sections() -> None:
    without = [
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if (text := file.read_text(encoding="utf-8")).strip() and "from __future__ import annotations" not in text
    ]
    assert {name for name in without if not name.endswith("__init__.py")} == {f"config/{name}.py" for name in SECTIONS}


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {str(file.relative_to(PACKAGE)): file.read_text().count("\n") for file in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_an_errors_line_is_picked_in_one_place() -> None:
    """`str(error).splitlines()[0]` raises IndexError on an empty message; `errors.first_line` does not."""
    picked = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in _nodes(file)
        if isinstance(node, ast.Subscript)
        and not isinstance(node.slice, ast.Slice)
        and any(isinstance(part, ast.Attribute) and part.attr == "splitlines" for part in ast.walk(node.value))
    ]
    assert picked == []


def test_the_vocabulary_of_studies_imports_nothing() -> None:
    """It is exempt from the layers: `tracking`, below `study`, speaks it too."""
    for file in (PACKAGE / "study" / "schema").glob("*.py"):
        imported = _imports(file)
        assert {name.partition(".")[0] for name in imported} <= {"__future__", "enum", "typing", "hmlc_ray"}
        assert all(name.startswith("hmlc_ray.study.schema.") for name in imported if name.startswith("hmlc_ray"))


def test_tags_are_written_out_in_the_vocabulary_alone() -> None:
    elsewhere = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
        for file in PACKAGE.rglob("*.py")
        if file != PACKAGE / "study" / "schema" / "tags.py"
        for node in _nodes(file)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("hmlc.")
    ]
    assert elsewhere == []


def _signatures(*packages: str) -> dict[str, list[str]]:
    """The arguments of every function, without `self` and `cls`; those of dataclasses are no functions."""
    found = {}
    for package in packages:
        for file in (PACKAGE / package).rglob("*.py"):
            for node in _nodes(file):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    given = node.args
                    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
                    names = [argument.arg for argument in every if argument and argument.arg not in ("self", "cls")]
                    found[f"{file.relative_to(PACKAGE)}:{node.lineno} {node.name}"] = names
    return found


def test_no_function_of_the_sweep_takes_more_than_five_arguments() -> None:
    """What belongs together has a noun: `Workspace`, `StudyContext`, `TrialStorage`, `Group`, `EndedTrial`, ..."""
    known = _signatures("sweep", "study")
    assert len(known) > 300
    assert {name: arguments for name, arguments in known.items() if len(arguments) > 5} == {}


def test_a_workspace_is_handed_on_whole() -> None:
    known = _signatures("sweep", "study", "runs")
    apart = {name: arguments for name, arguments in known.items() if "tracking_uri" in arguments}
    assert [name.rpartition(" ")[2] for name in apart] == ["of"], apart  # Workspace.of


def test_scripts_beside_the_package_import_what_there_is() -> None:
    missing = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.module}.{alias.name}"
        for folder in (".ci", "benchmarks", "docs", "docker", "cluster")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hmlc_ray"
        for alias in node.names
        if not _exists(str(node.module), alias.name)
    ]
    assert missing == []


def _exists(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name) or bool(importlib.import_module(f"{module}.{name}"))
    except ImportError:
        return False
