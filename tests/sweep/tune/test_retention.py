"""Which checkpoints stay, against a real store and real folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.schema import CHECKPOINT, TrialStatus
from hmlc_ray.study.storage import Results
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.tune import retention
from hmlc_ray.sweep.tune.retention import EndedTrial, Retention

SIZE = 100


class Study:
    """Trials that end, as a session tells a Retention about them."""

    def __init__(self, home: Home, keep: str, mode: str = "max") -> None:
        self.home, self.tracker = home, Workspace(home).open_tracker()
        study = {"name": "s", "num_trials": 9, "mode": mode}
        space = {"seed": {"int": [0, 9]}}
        self.sweep = SweepConfig.model_validate(
            {"study": study, "trials": {"checkpoints": {"keep": keep}}, "space": space}
        )
        self.parent = self.tracker.study_run(home.root.name, tags={}, params={})
        self.retention = self.restored()

    def restored(self) -> Retention:
        return Retention.of(self.sweep, Results.of(None, self.home), self.tracker, self.parent)

    def folder(self, number: int) -> Path:
        """A trial's own, with two checkpoints."""
        folder = self.home.ray / "s" / f"t{number}"
        for name in ("checkpoint_000000", "checkpoint_000001"):
            (folder / name).mkdir(parents=True)
            (folder / name / "state.pt").write_bytes(b"x" * SIZE)
        return folder

    def end(self, number: int, value: float, status: str = "completed") -> str:
        run_id = self.tracker.trial_run(self.parent, str(number), name=str(number), params={}, tags={})
        folder = self.folder(number)
        trial = EndedTrial(number, TrialStatus(status), value, run_id, str(folder))
        admitted = self.retention.admits(trial)
        size = SIZE if admitted else 0
        if admitted:
            self.tracker.log_artifacts(run_id, folder / "checkpoint_000001", CHECKPOINT)
        told = {
            schema.STATUS: status,
            "hmlc.value": repr(value),
            schema.CHECKPOINT_BYTES: size,
            schema.CHECKPOINT_FOLDER: str(folder),
        }
        self.tracker.finish(run_id, "FINISHED", told)
        self.retention.ended(trial, size)
        return run_id

    def snapshot(self) -> None:
        """Tune notes how the trials stand."""
        file = self.home.ray / "s" / "experiment_state-2026.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({}))

    def logged(self) -> set[int]:
        """Numbers of the trials whose run holds a checkpoint."""
        runs = self.tracker.children(self.parent)
        return {int(run.trial_id) for run in runs if self.tracker._client.list_artifacts(run.run_id, CHECKPOINT)}

    def working(self) -> set[int]:
        return {int(path.parent.name[1:]) for path in self.home.ray.glob("s/t*/checkpoint_*")}


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("HMLC_STORAGE", raising=False)
    monkeypatch.setattr(retention, "_LOOK_S", 0.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("retention")


@given(
    values=st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6),
    mode=st.sampled_from(["max", "min"]),
    limit=st.integers(1, 3),
    restart=st.integers(0, 6),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_best_k_holds_the_best_of_the_completed(
    root: Path, values: list[tuple[float, bool]], mode: str, limit: int, restart: int
) -> None:
    home = Home(root / f"case{len(list(root.iterdir()))}")
    study = Study(home, f"best-{limit}", mode)
    for number, (value, completed) in enumerate(values):
        if number == restart:
            study.retention = study.restored()
        study.end(number, value, "completed" if completed else "pruned")
    sign = 1 if mode == "max" else -1
    done = [(-sign * value, number) for number, (value, completed) in enumerate(values) if completed]
    best = {number for _, number in sorted(done)[:limit]}
    assert study.logged() == best
    found = study.retention.conclude(study.parent)
    assert study.working() == set()
    assert found.held == SIZE * len(best)
    assert study.tracker.run(study.parent).tags[schema.CHECKPOINT_BYTES_HELD] == str(found.held)
    assert study.tracker.run(study.parent).tags[schema.CHECKPOINT_BYTES_FREED] == str(found.freed)


def test_a_folder_stays_until_tune_has_noted_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Tune that is restored from an older snapshot goes on with the trial from there."""
    study = Study(Home(tmp_path), "final")
    study.snapshot()
    moment = (tmp_path / "ray" / "s" / "experiment_state-2026.json").stat().st_mtime
    monkeypatch.setattr(retention.time, "time", lambda: moment + 1)
    study.end(0, 0.5)
    study.retention.prune()
    assert study.working() == {0}
    monkeypatch.setattr(retention.time, "time", lambda: moment - 1)
    study.end(1, 0.6)
    assert study.working() == {0}
    assert study.retention.freed == 2 * SIZE
    assert study.retention.conclude(study.parent).freed == 4 * SIZE
    assert study.logged() == {0, 1}


def test_a_restored_sweep_frees_what_the_earlier_one_left(tmp_path: Path) -> None:
    study = Study(Home(tmp_path), "final")
    study.end(0, 0.5)
    study.folder(1)  # of a trial that failed: a retry goes on from it
    restored = study.restored()
    found = restored.conclude(study.parent)
    assert study.working() == {1}
    assert (found.held, found.freed) == (3 * SIZE, 2 * SIZE)
    assert study.restored().freed == 2 * SIZE


def test_all_touches_nothing(tmp_path: Path) -> None:
    study = Study(Home(tmp_path), "all")
    study.end(0, 0.5)
    study.end(1, 0.5, "pruned")
    study.snapshot()
    study.retention.prune()
    found = study.retention.conclude(study.parent)
    assert (study.working(), study.logged()) == ({0, 1}, {0, 1})
    assert (found.held, found.freed) == (6 * SIZE, 0)


@pytest.mark.parametrize("keep", ["best", "best-0", "none", "3"])
def test_other_words_are_refused(keep: str) -> None:
    values = {"study": {"name": "s"}, "trials": {"checkpoints": {"keep": keep}}, "space": {"seed": {"int": [0, 9]}}}
    with pytest.raises(ConfigError, match=r"trials\.checkpoints\.keep must be all, final or best-K, got"):
        validate(SweepConfig, values, "file")
