"""What happens when processes die in mid-sweep: nothing is lost, nothing runs twice, nothing stays RUNNING."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from invariants import check_sound
from PIL import Image
from sandbox import (
    EPOCHS,
    ONE_AT_A_TIME,
    TRIALS,
    Sandbox,
    drain,
    kill,
    kill_driver,
    kill_trials,
    read_until,
    trial_processes,
    wait_ended,
    wait_until,
)

from hmlc_ray.machine.interrupts import TWICE_S
from hmlc_ray.study import schema
from hmlc_ray.study.folder import is_saved

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TOO_SMALL = "a batch of 3 samples is too small for training.sampler"
EAGER = "{kind: asha, reduction_factor: 1.3}"
ONE_ENDED = "small: 1/5 trials done"


def test_a_killed_driver_is_resumed_and_an_interrupted_one_again(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    """One study for both, since every driver takes most of a minute's work to start."""
    process = sandbox.start("sweep", sandbox.space(trials=5, epochs=5), *ONE_AT_A_TIME)
    started.append(process)
    read_until(process, ONE_ENDED)
    process.send_signal(signal.SIGSTOP)  # it lives, and does not end while the second one looks
    second = sandbox.here("resume", "small")
    assert (second.returncode, "study 'small' is running: " in second.stderr) == (2, True), second.stderr
    kill(process, signal.SIGKILL)
    assert sandbox.parent().status == "RUNNING"  # nobody was left to close it

    process = sandbox.start("resume", "small")
    started.append(process)
    read_until(process, "trials done")  # a trial has started
    rest = kill(process, signal.SIGINT)
    assert process.returncode == 130
    assert "`hmlc resume small`" in rest
    assert "Traceback" not in rest
    assert sandbox.parent().status == "KILLED"
    assert {run.status for run in sandbox.trials()} == {"FINISHED", "KILLED"}

    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_sound(sandbox, 5)


@pytest.mark.fault
def test_a_second_ctrl_c_ends_a_sweep_at_once_with_all_its_processes(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    process = sandbox.start("sweep", sandbox.space(trials=2, epochs=30), *ONE_AT_A_TIME)
    started.append(process)
    read_until(process, "trials done")  # a trial has started
    family = psutil.Process(process.pid).children(recursive=True)
    assert trial_processes(process.pid)
    process.send_signal(signal.SIGINT)
    read_until(process, "Ctrl-C once more stops at once")
    time.sleep(2 * TWICE_S)  # a quicker one is the same press
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=200)[0]
    assert process.returncode == 130
    # The first one may have ended it just before.
    assert "resume it with `hmlc resume small`" in said
    assert "Traceback" not in said
    wait_ended(family)
    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_sound(sandbox, 2)


@pytest.mark.fault
def test_signals_of_all_kinds_while_a_sweep_stops_cost_nothing(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    """Ctrl-C, and SIGTERM and SIGHUP again and again until the driver has closed the study's run."""
    process = sandbox.start("sweep", sandbox.space(trials=3, epochs=5, scheduler="null"), *ONE_AT_A_TIME)
    started.append(process)
    read_until(process, "small: 1/3 trials done")
    process.send_signal(signal.SIGINT)

    def closed() -> bool:
        # Not afterwards: as Ray shuts down it takes every handler of SIGTERM away, and one more ends the process.
        if sandbox.parent().status != "RUNNING":
            return True
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        return False

    wait_until(closed, "the study's end")
    said = process.communicate(timeout=200)[0]
    assert process.returncode == 130
    assert "everything is saved: resume it with `hmlc resume small`" in said
    assert "Traceback" not in said
    assert sandbox.parent().status == "KILLED"
    assert {run.status for run in sandbox.trials()} <= {"FINISHED", "KILLED"}
    finished = {run.run_id for run in sandbox.trials() if run.status == "FINISHED"}
    assert finished
    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    assert finished <= {run.run_id for run in sandbox.trials()}
    check_sound(sandbox, 3)


def test_a_killed_trial_goes_on_from_its_last_checkpoint(
    sandbox: Sandbox, undisturbed: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    process = sandbox.start("sweep", sandbox.seeded())
    started.append(process)
    lines = drain(process)
    wait_until(sandbox.in_training, "two epochs of a trial", by=lines)
    victim = trial_processes(process.pid)[0]
    victim.kill()
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, TRIALS, like=undisturbed)


@pytest.mark.fault
def test_a_truncated_checkpoint_gives_way_to_the_one_before(
    sandbox: Sandbox, undisturbed: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    process = sandbox.start("sweep", sandbox.seeded())
    started.append(process)
    lines = drain(process)
    wait_until(sandbox.in_training, "two epochs of a trial", by=lines)
    kill_driver(process)
    # One that was being written, and has no such file yet, is as good as truncated.
    newest = [sorted(folder.glob("*/state.pt"))[-1] for folder in sandbox.in_training(to_go=1)]
    assert newest
    for file in newest:
        os.truncate(file, 1000)

    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_sound(sandbox, TRIALS, like=undisturbed)


@pytest.mark.fault
def test_a_driver_dies_long_after_its_last_snapshot(sandbox: Sandbox, started: list[subprocess.Popen[str]]) -> None:
    """Checkpoints that Tune's snapshot names are gone by then; a trial goes on from those that are there, twice.

    The snapshot is one that the driver has taken earlier and that is put back: how long an epoch takes does not matter.
    A trial that it does not know yet, or of which it names no checkpoint, starts again, and is not looked at here.
    """
    process = sandbox.start("sweep", sandbox.space(trials=2, epochs=40, scheduler="null"))
    started.append(process)
    lines = drain(process)
    last = wait_until(sandbox.snapshot, "a snapshot that names a checkpoint", by=lines)

    def outdated() -> bool:
        """Long enough for a trial that starts again to be seen doing so."""
        return any(min(sandbox.checkpoints(trial).values(), default=0) > 10 for trial in sandbox.outdated(last))

    wait_until(outdated, "a trial whose checkpoints of the snapshot are gone", by=lines)
    kill_driver(process)
    for file, content in last.items():
        file.write_bytes(content)
    before = {trial: sandbox.checkpoints(trial) for trial in sandbox.outdated(last)}
    assert before
    assert all(before.values())

    resumed = sandbox.start("resume", "small")
    started.append(resumed)
    lines = drain(resumed)
    first: dict[str, int] = {}
    wait_until(lambda: _saw_first(first, sandbox, before), "a checkpoint of every resumed trial", by=lines)
    assert {trial for trial, epoch in first.items() if epoch <= min(before[trial].values())} == set(), (first, before)
    kill_trials(resumed.pid)
    assert resumed.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, 2)


def _saw_first(first: dict[str, int], sandbox: Sandbox, before: Mapping[str, Mapping[tuple[str, int], int]]) -> bool:
    """Note the epochs done of the first checkpoint of each trial that was not there before; whether all have one."""
    for trial, old in before.items():
        new = [epochs for written, epochs in sandbox.checkpoints(trial).items() if written not in old]
        if new:
            first.setdefault(trial, min(new))
    return first.keys() == before.keys()


@pytest.mark.fault
def test_no_trial_is_stopped_before_the_epochs_that_its_run_shows(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    """Tune's snapshot knows no trial here: all start again, in front of a scheduler that has seen them before."""
    space = sandbox.space(trials=8, epochs=EPOCHS, scheduler=EAGER, workers="0, resources: {cpus: 0.25}")
    process = sandbox.start("sweep", space, env={"TUNE_GLOBAL_CHECKPOINT_S": "3600"})
    started.append(process)
    lines = drain(process)
    wait_until(lambda: len(sandbox.in_training()) >= 2, "two trials with two epochs each", by=lines)
    kill_driver(process)

    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_sound(sandbox, 8)


@pytest.mark.fault
@pytest.mark.parametrize("begun", ["is saved", "opens its store", "waits for its first trial"])
def test_a_sigterm_ends_a_sweep_that_is_just_starting(
    sandbox: Sandbox, started: list[subprocess.Popen[str]], begun: str
) -> None:
    process = sandbox.start("sweep", sandbox.space(trials=5, epochs=500))
    started.append(process)
    if begun == "is saved":
        wait_until(lambda: is_saved("small", sandbox.home), "the study's folder")
    elif begun == "opens its store":
        wait_until(lambda: (sandbox.home.root / "optuna.db").exists(), "Optuna's database")
    else:
        read_until(process, "small: 0/5 trials done")
    rest = kill(process, signal.SIGTERM)
    assert "Traceback" not in rest
    assert process.returncode == 130, rest
    assert "`hmlc resume small`" in rest
    if sandbox.tracker().find_study("small") is None:
        return
    assert {run.status for run in [sandbox.parent(), *sandbox.trials()]} <= {"FINISHED", "KILLED"}


def test_failed_trials_say_why_and_the_sweep_goes_on(sandbox: Sandbox) -> None:
    """A configuration that does not fit the data, and a loss that is not finite."""
    space = sandbox.space(trials=4, epochs=8)
    options = [
        *ONE_AT_A_TIME,
        "-o",
        "training.sampler=hierarchical",
        "-o",
        "trials.retries=0",
        "-o",
        "study.scheduler=null",
    ]
    # This seed draws every case: good, too small, good, too fast.
    options += ["-o", "optimiser.weight_decay=1", "-o", "evaluation.every=8", "-o", "study.seed=20"]
    searched = {
        "training.global_batch_size": ("3", f"ConfigError: {TOO_SMALL}"),
        "optimiser.learning_rate": ("100.0", "NonFiniteLoss: the "),
    }
    for (path, (bad, _)), good in zip(searched.items(), (256, 0.1), strict=True):
        options += ["-o", f"space.{path}={{choice: [{good}, {bad}]}}"]
    done = sandbox.hmlc("sweep", space, *options)
    assert done.returncode == 0, done.stderr
    reasons: dict[int, str] = {}
    for run in sandbox.trials():
        for path, (bad, reason) in searched.items():
            if run.params[path] == bad:
                reasons.setdefault(int(run.trial_id), reason)
    assert set(reasons.values()) == {reason for _, reason in searched.values()}
    check_sound(sandbox, 4, failed=reasons)
    assert sandbox.statuses() == ["completed", "failed", "completed", "failed"]
    assert TOO_SMALL in " ".join(done.stdout.split())

    refused = sandbox.here("sweep", space, *options[:4], "--name", "small2", "-o", "training.global_batch_size=3")
    assert refused.returncode == 2
    assert TOO_SMALL in refused.stderr


@pytest.mark.fault
def test_an_interrupted_refit_is_resumed(sandbox: Sandbox, started: list[subprocess.Popen[str]]) -> None:
    """Its controller runs in the driver, between whose steps the signal comes."""
    process = sandbox.start("sweep", sandbox.space(trials=1, epochs=40, refit="{workers: 1}"))
    started.append(process)
    read_until(process, "refit: epoch 2 of 40")
    rest = kill(process, signal.SIGTERM)
    assert process.returncode == 130, rest
    assert "`hmlc resume small`" in rest
    assert "Traceback" not in rest
    assert sandbox.parent().status == "KILLED"

    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_sound(sandbox, 1)
    tracker = sandbox.tracker()
    (refit,) = (run for run in tracker.children(sandbox.parent().run_id) if not run.trial_id.isdecimal())
    assert refit.status == "FINISHED"
    assert sandbox.steps(refit, "train/loss") == list(range(1, 41))


@pytest.fixture
def small_disk(sandbox: Sandbox) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = sandbox.folder / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.fault
def test_a_full_disk_costs_checkpoints_and_no_trial(
    sandbox: Sandbox, undisturbed: Sandbox, small_disk: Path, started: list[subprocess.Popen[str]]
) -> None:
    """The checkpoint before stays and training goes on; a trial that ends without one is tried again."""
    process = sandbox.start("sweep", sandbox.seeded(), "-o", f"study.storage={small_disk}", "-o", "trials.retries=50")
    started.append(process)
    lines = drain(process)
    wait_until(lambda: sandbox.in_training(small_disk), "two epochs of a trial", by=lines)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:

        def refused() -> bool:
            """Filled again and again: what is deleted meanwhile, such as an older checkpoint, makes room for one."""
            with suppress(OSError):
                while True:
                    file.write(b"0" * 4096)
            return any("no checkpoint of epoch" in line for line in lines)

        wait_until(refused, "a checkpoint that has no room", by=lines)
    filler.unlink()
    assert process.wait(timeout=400) == 0, "".join(lines)
    assert "No space left on device" in lines.whole()
    check_sound(sandbox, TRIALS, like=undisturbed)


@pytest.mark.fault
def test_data_that_vanish_fail_the_trials_that_need_them(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    root = sandbox.folder / "data"
    for index in range(48):
        file = root / f"kind{index % 2}" / f"class{index % 4}" / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((8, 8), 10 + 20 * (index % 4)).save(file)
    # So many that the second trial has most of them to go when it is found in training.
    space = sandbox.space(trials=3, epochs=3 * EPOCHS, scheduler="null")
    data = f"base.data={{kind: image-folder, root: {root}, image_size: 8}}"
    options = ["-o", data, "-o", "trials.max_concurrent=1", "-o", "trials.retries=0"]
    process = sandbox.start("sweep", space, *options)
    started.append(process)
    lines = drain(process)
    wait_until(lambda: any(": 1/3 trials done" in line for line in lines), "the end of the first trial", by=lines)
    shutil.rmtree(root)
    wait_until(sandbox.in_training, "the second trial, whose process had read the data before", by=lines)
    kill_trials(process.pid)
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, 3, failed={1: "WorkerDied: ", 2: "DataError: "})
    assert str(root) in sandbox.trials()[2].tags[schema.ERROR]
