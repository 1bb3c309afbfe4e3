"""What decides a task's outcome, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.benchmark.harvest import _key
from hmlc_ray.benchmark.tasks import Task, deciding
from hmlc_ray.config.taxonomy import Tree
from hmlc_ray.config.trial import TrialConfig


def task_of(**values: Any) -> Task:
    return Task("cell", "d", "a", 0, TrialConfig.model_validate(values), "fingerprint", {})


def test_the_weights_that_an_encoder_begins_with_decide_by_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in (("a.pt", b"one"), ("b.pt", b"two"), ("moved.pt", b"one")):
        Path(name).write_bytes(content)
    fresh, one, other, moved, gone = (
        task_of(encoder={"kind": "resnet18", "weights": weights})
        for weights in (None, "a.pt", "b.pt", str(tmp_path / "moved.pt"), "gone.pt")
    )
    assert len({task.identity for task in (fresh, one, other, gone)}) == 4
    assert len({_key(task.config) for task in (fresh, one, other, gone)}) == 4
    assert (moved.identity, _key(moved.config)) == (one.identity, _key(one.config))
    assert "weights" not in deciding(fresh.config)["encoder"]  # as in results of earlier versions
    Path("a.pt").write_bytes(b"changed")
    assert task_of(encoder={"kind": "resnet18", "weights": "a.pt"}).identity not in (one.identity, other.identity)


@pytest.mark.parametrize(("kind", "key"), [("file", "file"), ("induced", "source")])
def test_a_taxonomy_file_can_be_moved_and_not_changed(kind: str, key: str) -> None:
    tree = Tree(level_names=("parity", "digit"), paths=(("even", "0"), ("odd", "1")))
    other = tree.model_copy(update={"paths": (("even", "0"), ("even", "1"))})

    def made(file: str, tree: Tree, **more: Any) -> Task:
        task = task_of(data={"kind": "digits", "taxonomy": {"kind": kind, key: file} | more})
        given: Any = task.config.data.taxonomy
        data = task.config.data.model_copy(update={"taxonomy": given.with_tree(tree)})
        return replace(task, config=task.config.model_copy(update={"data": data}))

    assert made("here.json", tree).identity == made("there/here.json", tree).identity
    assert _key(made("here.json", tree).config) == _key(made("there/here.json", tree).config)
    assert made("here.json", tree).identity != made("here.json", other).identity
    assert made("here.json", tree).identity != made("here.json", tree, shuffled=True).identity


def test_a_key_that_is_null_is_as_if_it_were_not_there() -> None:
    def empty(value: Any) -> bool:
        return value is None or (isinstance(value, dict) and any(map(empty, value.values())))

    config = TrialConfig.model_validate({})
    assert config.model_dump()["training"]["cpu_threads"] is None
    assert not empty(deciding(config))
    used = task_of(training={"cpu_threads": 2})
    assert used.identity != task_of().identity
