"""What the driver settles before trials start."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from hmlc_ray.config.space import POINT
from hmlc_ray.config.sweep import SweepConfig, space_of_points
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.study.summary import SweepProgress
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep import run
from hmlc_ray.sweep.prepare import (
    base_data,
    located,
    located_trial,
    with_defaults,
    with_made_tree,
    with_threads,
)
from hmlc_ray.training.fit import cached_data


def sweep(base: dict[str, Any], cpus: float = 2) -> SweepConfig:
    trials = {"resources": {"cpus": cpus}}
    return SweepConfig.model_validate(
        {"study": {"name": "s"}, "trials": trials, "base": base, "space": {"seed": {"int": [0, 1]}}}
    )


def test_threads_are_a_workers_cpus_unless_given() -> None:
    assert with_threads(sweep({})).base["training"] == {"cpu_threads": 2}
    assert with_threads(sweep({}, cpus=0.5)).base["training"] == {"cpu_threads": 1}
    assert with_threads(sweep({"training": {"cpu_threads": 1, "epochs": 3}})).base["training"]["cpu_threads"] == 1


def test_a_relative_data_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = located(sweep({"data": {"kind": "mnist", "root": "data", "limit": 500}}))
    assert found.base["data"] == {"kind": "mnist", "root": str(tmp_path / "data"), "limit": 500}
    assert located(sweep({"data": {"kind": "mnist"}})).base["data"]["root"] == str(tmp_path / "data")
    assert located(sweep({})).base == {}
    assert base_data(sweep({})).kind == "digits"


def test_files_of_the_base_become_absolute_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = {"kind": "manifest", "file": "list.csv", "root": None}
    found = located(sweep({"data": data, "encoder": {"kind": "resnet18", "weights": "w.pt"}})).base
    assert found["data"] == {"kind": "manifest", "file": str(tmp_path / "list.csv"), "root": None}
    assert found["encoder"]["weights"] == str(tmp_path / "w.pt")
    table = {"kind": "features", "file": "table", "labels": "labels.csv"}
    assert located(sweep({"data": table})).base["data"] == {
        "kind": "features",
        "file": str(tmp_path / "table"),
        "labels": str(tmp_path / "labels.csv"),
    }
    trial = located_trial(TrialConfig.model_validate({"data": data, "encoder": {"kind": "convnet"}}))
    assert (trial.data.file, trial.data.root) == (str(tmp_path / "list.csv"), None)


def test_searched_and_listed_paths_become_absolute_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here, there = str(tmp_path / "w.pt"), {"choice": [str(tmp_path / "w.pt"), "/else/v.pt"]}
    given = {"choice": ["w.pt", "/else/v.pt"]}
    spaces: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"encoder.weights": given}, {"encoder.weights": there}),
        ({"encoder.weights": "w.pt"}, {"encoder.weights": here}),
        ({"encoder": {"weights": given, "stem": "cifar"}}, {"encoder": {"weights": there, "stem": "cifar"}}),
        (
            {"encoder": {"branch": {"resnet18": {"weights": given}, "convnet": None}}},
            {"encoder": {"branch": {"resnet18": {"weights": there}, "convnet": None}}},
        ),
        (
            {"encoder": {"choice": [{"kind": "resnet18", "weights": "w.pt"}, {"kind": "convnet"}]}},
            {"encoder": {"choice": [{"kind": "resnet18", "weights": here}, {"kind": "convnet"}]}},
        ),
        ({"objective.temperature": {"float": [0.1, 0.2]}}, {"objective.temperature": {"float": [0.1, 0.2]}}),
    ]
    for written, wanted in spaces:
        made = located(SweepConfig.model_validate({"study": {"name": "s"}, "space": written}))
        assert made.space == wanted
    points = ({"encoder": {"kind": "resnet18", "weights": "w.pt"}}, {"encoder": {"kind": "convnet"}}, {})
    listed = {"study": {"name": "s"}, "points": points, "space": {"point": {"int": (0, 2)}}}
    made = located(SweepConfig.model_validate(listed))
    assert made.points == ({"encoder": {"kind": "resnet18", "weights": here}}, *points[1:])


@pytest.mark.parametrize(
    ("base", "key", "now", "before"),
    [
        ({"objective": {"kind": "hmce"}}, "variant", "code", "paper"),
        ({"objective": {"kind": "g-hmlc"}}, "nesting", "nested", "partition"),
        ({}, "nesting", "nested", "partition"),
        ({"objective": {"temperature": 0.2}}, "nesting", "nested", "partition"),
    ],
)
def test_a_study_says_which_defaults_it_has(base: dict[str, Any], key: str, now: str, before: str) -> None:
    """These defaults have changed: a study that was started before is resumed with what its first trials had."""
    named = sweep(base)
    assert with_defaults(named, "now").base["objective"] == {key: now, **base.get("objective", {})}
    assert getattr(with_defaults(named, "before").base_trial().objective, key) == before
    assert getattr(with_defaults(with_defaults(named, "now"), "before").base_trial().objective, key) == now
    assert with_defaults(named, "before").base_trial().training.deterministic is True
    assert with_defaults(named, "now").base_trial().training.deterministic is None


def test_listed_points_say_their_defaults_themselves() -> None:
    """What a point lists replaces the base's section, recorded defaults included."""
    points = ({"objective": {"kind": "g-hmlc"}}, {"training": {"epochs": 2}}, {"objective": {"kind": "supcon"}}, {})
    given = sweep({}).model_copy(update={"points": points, "space": space_of_points(len(points))})
    for which, nesting, deterministic in (("before", "partition", True), ("now", "nested", None)):
        made: Any = with_defaults(given, which)  # type: ignore[arg-type]
        trials = [made.search_space().assemble({}, {POINT: number}) for number in range(len(points))]
        assert [getattr(trial.objective, "nesting", None) for trial in trials] == [nesting, nesting, None, nesting]
        assert [trial.training.deterministic for trial in trials] == [deterministic] * len(points)
        assert trials[1].training.epochs == 2


def test_what_a_study_says_itself_stays() -> None:
    own = {"objective": {"kind": "supcon"}, "training": {"deterministic": False}}
    assert with_defaults(sweep(own), "before").base == own


def test_what_is_started_and_what_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = sweep({"objective": {"kind": "hmce"}})
    seen: list[SweepConfig] = []

    def stop(sweep: SweepConfig) -> None:
        seen.append(sweep)
        raise StudyError("seen")

    monkeypatch.setattr(run, "base_data", stop)
    monkeypatch.setattr(run, "find_sweep", lambda *_: named)
    monkeypatch.setattr(Workspace, "existing_tracker", lambda *_: None)
    where: Any = (Workspace.of(tmp_path), Mock(SweepProgress))
    with pytest.raises(StudyError, match="seen"):
        run.run_sweep(named, *where)
    with pytest.raises(StudyError, match="seen"):
        run.resume_sweep("s", *where)
    assert [sweep.base_trial().objective.variant for sweep in seen] == ["code", "paper"]


def test_a_variant_is_set_where_one_of_several_objectives_has_it() -> None:
    branches = {"supcon": {}, "hmc": {}, "hmce": {"variant": {"choice": ["paper", "code"]}}}
    space = {"objective": {"branch": branches}}
    found = with_defaults(sweep({}).model_copy(update={"space": space}), "before").search_space()
    kinds = {chosen["objective"]: found.assemble(chosen, {}).objective for chosen in found.assignments()}
    assert kinds["supcon"].kind == "supcon"
    assert kinds["hmc"].variant == "paper"
    drawn = {"objective[hmce].variant": "code"}
    assert found.assemble({"objective": "hmce"}, drawn).objective.variant == "code"


def test_the_tree_is_made_once_and_every_trial_has_it(tmp_path: Path) -> None:
    np.save(tmp_path / "means.npy", np.random.default_rng(0).normal(size=(10, 4)))
    section = {"kind": "induced", "classes": [3], "source": str(tmp_path / "means.npy"), "shuffled": True}
    given = sweep({"data": {"taxonomy": section, "keep_levels": ["induced0", "leaf"]}})
    notes: list[str] = []
    made = with_made_tree(given, Workspace.of(tmp_path), notes.append)
    assert len(notes) == 1
    (tmp_path / "means.npy").unlink()
    saved = SweepConfig.model_validate_json(made.model_dump_json())
    assert with_made_tree(saved, Workspace.of(tmp_path), notes.append) is saved, "as a resume reads it"
    space = saved.search_space()
    trials = [space.assemble({}, {"seed": seed}) for seed in (0, 1)]
    trees = [cached_data(TrialConfig.model_validate(trial.model_dump(mode="json")).data).taxonomy for trial in trials]
    assert trees[0].digest == trees[1].digest
    assert trees[0].num_classes == (3, 10)
    assert with_made_tree(sweep({}), Workspace.of(tmp_path), notes.append).base == {}
    assert len(notes) == 1
