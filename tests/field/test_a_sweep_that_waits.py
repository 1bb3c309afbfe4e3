"""A study that stands still says what it waits for, and ends if it is told to; a long epoch is no standstill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from nodes import head
from pydantic import ValidationError
from sandbox import Sandbox, read_until

from hmlc_ray.config.stall import StallConfig
from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.progress import StatusSnapshot, StatusWriter, stalled
from hmlc_ray.study.status import statuses
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.cluster import stall
from hmlc_ray.sweep.cluster.stall import LEAST_S, Pulse, Watchdog
from hmlc_ray.tracking import Tracker

ALONE, GROUPS = TrialsConfig(), TrialsConfig(workers=2)
HOLDERS = "0 of 4 CPU free in the cluster; job 02000000 holds 4 CPU"


class Machine:
    """A watchdog whose clock and cluster the test moves."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
        self.now, self.training, self.refitting, self.interrupted = 0.0, 0, 0, 0
        self.notes: list[str] = []
        pulse = Pulse(lambda: self.now)
        self.watchdog = Watchdog(StallConfig.model_validate(values), folder, self.notes.append, pulse)
        monkeypatch.setattr(stall, "who_holds", lambda: HOLDERS)
        monkeypatch.setattr(
            stall, "training_groups", lambda *, of_driver: self.refitting if of_driver else self.training
        )
        monkeypatch.setattr(stall, "interrupt", self._interrupt)

    def _interrupt(self) -> bool:
        self.interrupted += 1
        return True

    def after(self, seconds: float, trials: TrialsConfig = GROUPS, left: tuple[int, int] = (3, 1)) -> str | None:
        """What the watchdog says when so much time has passed."""
        self.now += seconds
        self.watchdog.step(trials, lambda: left)
        return self.watchdog.sentence


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_trials_that_never_get_their_resources_are_told(machine: Machine, tmp_path: Path) -> None:
    assert machine.after(LEAST_S - 1) is None
    sentence = (
        "no trial has reported anything for 10 minutes, and 3 of 3 trials wait for 2 workers of 1 CPU each: " + HOLDERS
    )
    assert machine.after(1) == sentence == stalled(tmp_path)
    machine.after(LEAST_S)
    assert machine.notes == [sentence], "it is said once"
    machine.watchdog.pulse.started(1)
    assert machine.after(1) is None
    assert machine.notes[1:] == ["the study continues"]
    assert stalled(tmp_path) is None


def test_a_refit_that_trains_is_no_standstill(machine: Machine) -> None:
    """Its worker group is the driver's own, and each report of it is a sign of life."""
    with machine.watchdog.over(GROUPS, lambda: (1, 1), of_driver=True):
        alive = machine.watchdog.pulse.refitting()
        assert machine.after(LEAST_S, left=(1, 1)) is not None, "it waits for its workers"
        machine.refitting = 1
        machine.now += 2 * LEAST_S
        alive()
        assert machine.after(LEAST_S - 1, left=(1, 1)) is None
        assert machine.after(10 * LEAST_S, left=(1, 1)) is None, "it trains"
        machine.refitting = 0
        assert machine.after(20 * LEAST_S, left=(1, 1)) is not None, "its workers are gone"


def test_a_head_that_does_not_answer_hides_no_standstill(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> str:
        raise ConnectionError

    monkeypatch.setattr(stall, "who_holds", silent)
    assert str(machine.after(LEAST_S)).endswith(": the head does not say who holds what")


def test_a_first_epoch_takes_as_long_as_it_takes(machine: Machine) -> None:
    machine.training = 1
    machine.watchdog.pulse.started(0)
    assert machine.after(100 * LEAST_S) is None


def test_the_bound_follows_from_the_studys_own_epochs(machine: Machine) -> None:
    machine.training = 1
    machine.watchdog.pulse.started(0)
    machine.now += 7200
    machine.watchdog.pulse.reported(0)
    machine.now += 60
    machine.watchdog.pulse.reported(0)
    assert machine.after(10 * 7200 - 1) is None
    assert machine.after(1) is not None


def test_without_trials_that_wait_there_is_no_standstill(machine: Machine) -> None:
    """The last trials of a study, each with all that it needs."""
    machine.training = 2
    machine.watchdog.pulse.started(0)
    machine.watchdog.pulse.reported(0)
    assert machine.after(100 * LEAST_S, left=(2, 2)) is None
    assert machine.after(0, trials=ALONE, left=(2, 2)) is None
    assert machine.after(0, trials=ALONE, left=(3, 2)) is not None


def test_a_study_ends_for_it_if_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, after=5, action="stop")
    machine.training = 1
    assert machine.after(4) is None
    assert machine.after(1) is not None
    assert machine.after(1) is not None
    assert (machine.interrupted, machine.watchdog.ended_study) == (1, True)
    assert machine.notes[0].endswith("; the study is stopped, as study.stall.action says")


@pytest.mark.parametrize("values", [{"after": 0}, {"after": "soon"}, {"action": "kill"}, {"afer": 1}])
def test_what_is_no_bound_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StallConfig.model_validate(values)


def test_status_says_what_a_study_waits_for(tracker: Tracker, tmp_path: Path) -> None:
    """From the driver's own machine by a file, from elsewhere by the run's tag."""
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 4})
    tracker.set_tags(parent, {schema.STALLED: "by the tag"})
    assert statuses("s", Workspace.of(tmp_path))[0].note == "by the tag"
    folder = Home.of(tmp_path).study("s")
    folder.mkdir(parents=True)
    writer = StatusWriter(tracker, parent, folder, "val/knn_top1/mean")
    writer.update(StatusSnapshot(SweepCounts(total=4), 0, None))
    writer.flush()
    (folder / "stalled.txt").write_text("by the file")
    assert statuses("s", Workspace.of(tmp_path))[0].note == "by the file"
    tracker.set_tags(parent, {schema.STALLED: ""})
    (folder / "stalled.txt").unlink()
    assert statuses("s", Workspace.of(tmp_path))[0].note is None


HOLDER = """
import ray, sys
ray.init(address=sys.argv[1], log_to_driver=False)
@ray.remote(num_cpus=1)
class Holder:
    def there(self):
        return True
holder = Holder.remote()
ray.get(holder.there.remote())
print("holds", ray.get_runtime_context().get_job_id(), flush=True)
sys.stdin.read()
"""


@pytest.mark.journey
@pytest.mark.slow
def test_a_sweep_whose_cluster_somebody_else_fills_ends_and_can_be_resumed(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    with head(cpus=1) as node:
        env = {**sandbox.env(), "RAY_ADDRESS": "127.0.0.1:1"}
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, node.address],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(holder)
        job = read_until(holder, "holds")[-1].split()[1]
        options = ["-o", "study.stall={after: 2, action: stop}", "--address", node.address]
        done = sandbox.hmlc("sweep", sandbox.space(trials=2), *options)
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(timeout=200)
    assert done.returncode == 130, done.stderr
    assert f"2 of 2 trials wait for 1 CPU each: 0 of 1 CPU free in the cluster; job {job} holds 1 CPU" in done.stdout
    assert (
        "the study was stalled and has been stopped; everything is saved: resume it with `hmlc resume small"
        in done.stderr
    )
    assert sandbox.parent().status == "KILLED"
    status = json.loads(sandbox.hmlc("status", "small", "--json").stdout)
    assert "trials wait for 1 CPU each" in json.dumps(status)
