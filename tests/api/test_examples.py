"""The examples of the docstrings, of `docs/python.md` and of the README run."""

from __future__ import annotations

import ast
import doctest
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hmlc_ray

ROOT = Path(__file__).parents[2]
OPTIONS = doctest.ELLIPSIS
ALONE = ["benchmark", "check", "load_data", "new"]
"""Functions whose examples need no study."""
ON_A_STUDY = [
    "train",
    "sweep",
    "resume",
    "retry",
    "best",
    "status",
    "compare",
    "probe",
    "diagnose",
    "load_encoder",
    "embed",
    "report",
]
"""In the order in which their examples run."""
PACKAGES = ["benchmark", "report", "sweep"]
"""Functions that share their name with a package."""


def example(name: str) -> str:
    function = getattr(hmlc_ray, name)
    return inspect.getdoc(function.__call__ if isinstance(function, ModuleType) else function) or ""


def test_every_function_has_an_example() -> None:
    functions = [name for name in hmlc_ray.__all__ if inspect.isfunction(getattr(hmlc_ray, name))] + PACKAGES
    assert sorted(ALONE + ON_A_STUDY + ["load_taxonomy"]) == sorted(functions)
    assert all(">>> " in example(name) for name in functions)


@pytest.mark.parametrize("name", [*ALONE, "load_taxonomy", "hmlc_ray"])
def test_an_example_without_a_study(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = hmlc_ray.__doc__ if name == "hmlc_ray" else example(name)
    run = doctest.DocTestRunner(optionflags=OPTIONS)
    run.run(doctest.DocTestParser().get_doctest(text or "", {}, name, None, None))
    assert (run.tries > 0, run.failures) == (True, 0), capsys.readouterr().out


EXAMPLES = f"""
import doctest, json, os, sys
import ray
import hmlc_ray
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=sys.argv[1])
here = ray.get_runtime_context().gcs_address
run = doctest.DocTestRunner(optionflags={OPTIONS})
for name, text in json.load(open("examples.json")).items():
    run.run(doctest.DocTestParser().get_doctest(text, {{}}, name, None, None))
try:
    hmlc_ray.resume("digits-1", trials=4, address="192.0.2.77:6379")
except hmlc_ray.errors.ClusterError as error:
    print(error)
print(json.dumps([run.tries, run.failures, ray.is_initialized(), ray.get_runtime_context().gcs_address == here]))
ray.shutdown()
"""


def program(code: str, folder: Path, *arguments: str) -> list[str]:
    """The lines that a program prints in a process and an environment of its own."""
    (folder / "program.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=folder,
        env={**_environment(), "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("HMLC_HOME", "MLFLOW_TRACKING_URI")}


@pytest.mark.journey
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_examples_run_on_a_ray_that_the_process_has_initialised(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / "examples.json").write_text(json.dumps({name: example(name) for name in ON_A_STUDY}))
    *others, refused, last = program(EXAMPLES, folder, str(tmp_path_factory.mktemp("ray")))
    tries, *outcome = json.loads(last)
    assert (tries > 10, outcome) == (True, [0, True, True]), "\n".join(others)
    assert refused.startswith("this process is connected to the Ray cluster ")
    assert "so --address 192.0.2.77:6379 cannot be used" in refused


NOTEBOOK = """
import asyncio, json, sys
async def notebook(cells):
    names = {"__name__": "__main__"}
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), names)
    return names
names = asyncio.run(notebook(json.load(open("cells.json"))))
import ray
shapes = [list(names[name].shape) for name in ("features", "feature")]
print(json.dumps([ray.is_initialized(), *shapes, names["names"][:2]]))
"""


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.journey
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_runs_in_a_notebook(folder: Path) -> None:
    """Cell by cell within a running event loop; Ray is started for the sweep, and ended with it."""
    (folder / "cells.json").write_text(json.dumps(blocks("docs/python.md")))
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(folder / "five.png")
    *printed, last = program(NOTEBOOK, folder)
    initialised, features, feature, names = json.loads(last)
    assert (initialised, features, feature) == (False, [359, 16], [1, 16])
    assert all(name in map(str, range(10)) for name in names)
    assert re.match(r"RunSummary\('\w{32}': 2 epochs, \d+ s, val/probe_top1/mean 0\.\d+, test/", printed[0])
    assert printed[-1].startswith("there is no study 'digits-17' in ")
    assert "(did you mean 'digits-py'?); it has digits-py" in printed[-1]


@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/benchmark.md"])
def test_calls_on_the_pages_fit_the_functions(page: str) -> None:
    """Also those that are too long to be run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    inline = [
        code for code in re.findall(r"`([^`\n]+)`", text) if re.match(r"(train|sweep)\(\S+, |load_encoder\(\"", code)
    ]
    calls = [
        node
        for code in [*(block for block in blocks(page) if "hmlc_ray" in block), *inline]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in hmlc_ray.__all__
    ]
    assert len(calls) > (0 if page == "docs/benchmark.md" else 2)
    for call in calls:
        given: dict[str, Any] = {str(keyword.arg): None for keyword in call.keywords}
        inspect.signature(getattr(hmlc_ray, call.func.id)).bind(*call.args, **given)  # type: ignore[attr-defined]
