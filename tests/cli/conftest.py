"""A command run in this process, with stand-ins for the layers below."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_examples import Run
from typer.testing import CliRunner, Result

from hmlc_ray.cli.app import app


@pytest.fixture
def hmlc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `hmlc` with the arguments given, in an empty folder and without variables of the machine's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("HMLC_HOME", "MLFLOW_TRACKING_URI", "HMLC_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts functions in place of a module: `layer("hmlc_ray.runs.single", train_run=...)`."""

    def replace(name: str, **functions: Any) -> None:
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**functions))  # type: ignore[arg-type]

    return replace
