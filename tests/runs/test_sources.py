"""A name is looked up in the store once, before torch is loaded and for what comes after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hmlc_ray.api import calls
from hmlc_ray.errors import CheckpointError
from hmlc_ray.runs import encoders, sources
from hmlc_ray.study.workspace import Workspace

CALLS: dict[str, Callable[[Workspace, Path], object]] = {
    "probe": lambda workspace, folder: calls.probe("n", workspace, "val", None),
    "diagnose": lambda workspace, folder: calls.diagnose("n", workspace, "val", False, None),
    "embed": lambda workspace, folder: calls.embed("n", None, folder / "table", workspace, ()),
    "load": lambda workspace, folder: calls.find_encoder("n", workspace),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_name_is_looked_up_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def find_named(source: str, *store: object) -> SimpleNamespace:
        asked.append(source)
        return SimpleNamespace(result="run")

    def checkpoint_of_run(run: object, tracker: object) -> None:
        raise CheckpointError(f"no checkpoint of {run} in {tracker}")

    monkeypatch.setattr(sources, "find_named", find_named)
    monkeypatch.setattr(encoders, "checkpoint_of_run", checkpoint_of_run)
    monkeypatch.setattr(Workspace, "existing_tracker", lambda workspace: "store")
    with pytest.raises(CheckpointError, match=r"^no checkpoint of run in store$"):
        CALLS[name](Workspace.of(tmp_path), tmp_path)
    assert asked == ["n"]
