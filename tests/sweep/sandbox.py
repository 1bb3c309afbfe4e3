"""Real sweeps in real processes: the console script, Ray, sqlite, MLflow."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TypeVar
from unittest.mock import patch

import optuna
import psutil
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.errors import CheckpointError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.training.checkpoint import load_checkpoint
from hmlc_ray.training.checkpoint_files import STATE_FILE

T = TypeVar("T")
HMLC = str(Path(sys.executable).with_name("hmlc"))
SPACE = """
study:
  name: small
  num_trials: {trials}
  sampler: {{kind: random}}
  scheduler: {scheduler}
  refit: {refit}
trials: {{workers: {workers}}}
base:
  encoder: {{kind: mlp, hidden_dim: 64, feature_dim: 32}}
  head: {{hidden_dim: 32, embedding_dim: 32}}
  training: {{epochs: {epochs}}}
  evaluation: {{every: 1, probe_regularisation: [0.1]}}
space:
  objective.temperature: {{float: [0.05, 0.5], log: true}}
  objective.level_weights: {{simplex: levels}}
  objective:
    branch:
      g-hmlc: {{warmup_epochs: 1, mixture_components: {{int: [2, 6]}}}}
      a-hmlc: {{attention_temperature: {{float: [0.5, 2.0]}}}}
"""
TRIALS, EPOCHS = 4, 10
ONE_AT_A_TIME = ("-o", "trials.max_concurrent=1")
"""One warm trial process: each further one takes seconds of CPU time to load torch, Ray and this package. For tests
that are not about trials beside each other."""
ASHA = "{kind: asha, reduction_factor: 2}"


@dataclass(frozen=True)
class Sandbox:
    """A folder with a search space and a home."""

    folder: Path
    tracking_uri: str | None = None
    """Of an MLflow server; None: the home's own store."""

    @property
    def store(self) -> str:
        return self.tracking_uri or self.home.tracking_uri

    @property
    def home(self) -> Home:
        return Home.of(self.folder / "home")

    def space(
        self, *, trials: int = 4, epochs: int = 3, scheduler: str = ASHA, refit: str = "null", workers: str = "0"
    ) -> str:
        file = self.folder / "space.yaml"
        file.write_text(SPACE.format(trials=trials, epochs=epochs, scheduler=scheduler, refit=refit, workers=workers))
        return str(file)

    def seeded(self, *, workers: str = "0") -> str:
        """A sweep whose leaderboard its seed decides: nothing stops a trial early."""
        return self.space(trials=TRIALS, epochs=EPOCHS, scheduler="null", workers=workers)

    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        # The test machine's user may have a token of a cluster of their own; these clusters are private anyway.
        if self.tracking_uri is not None:
            clean["MLFLOW_TRACKING_URI"] = self.tracking_uri
        # What only MLflow's interface shows takes seconds of a study's end; `tests/sweep/outcome` has it.
        plain = {"HMLC_PICTURES": "0", "HMLC_REGISTER": "0"}
        return clean | plain | {"HMLC_HOME": str(self.home.root), "RAY_AUTH_MODE": "disabled", "COLUMNS": "200"}

    def hmlc(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        own = {**self.env(), **(env or {})}
        return subprocess.run([HMLC, *args], cwd=self.folder, env=own, capture_output=True, text=True, timeout=500)

    def here(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The same within this process, seconds quicker: for what is refused before Ray starts, or only reads."""
        return within(args, self.folder, {**self.env(), **(env or {})})

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        own = {**self.env(), **(env or {})}
        return subprocess.Popen(
            [HMLC, *args], cwd=self.folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def tracker(self) -> Tracker:
        return Tracker.connect(self.store, artifact_root=self.home.artifacts)

    def in_training(self, storage: Path | None = None, *, to_go: int = 2) -> list[Path]:
        """Folders of trials of a `seeded` sweep that have two checkpoints or more, and so many epochs to go.

        Looked up on disk, because asking the store takes longer than some trials do.
        """
        last: dict[Path, int] = {}
        for path in ((storage or self.home.ray) / "small").glob("*/checkpoint_*"):
            last[path.parent] = max(last.get(path.parent, 0), int(path.name.rpartition("_")[2]))
        return [folder for folder, index in last.items() if 1 <= index < EPOCHS - to_go]

    def snapshot(self) -> dict[Path, bytes]:
        """The files of Tune's snapshot; empty while there is none that names a checkpoint, or one is being written."""
        with suppress(OSError, ValueError):
            files = {file: file.read_bytes() for file in (self.home.ray / "small").glob("*state-*")}
            if all(files.values()) and any(named for _, named in _named(files)):
                return files
        return {}

    def outdated(self, snapshot: Mapping[Path, bytes]) -> list[str]:
        """Trials with checkpoints, none of which is among those that a snapshot names for them."""
        return [folder.name for folder, named in _named(snapshot) if named and not named & _held(folder)]

    def checkpoints(self, trial: str) -> dict[tuple[str, int], int]:
        """The epochs done of a trial's checkpoints on disk, by name and time of writing, which only tells them apart:
        a trial that starts again writes the same names."""
        found = {}
        for folder in (self.home.ray / "small" / trial).glob("checkpoint_*"):
            with suppress(CheckpointError, OSError):  # being written, or deleted
                written = (folder / STATE_FILE).stat().st_mtime_ns
                found[folder.name, written] = load_checkpoint(folder).epochs_done
        return found

    def parent(self, study: str = "small") -> TrialRun:
        tracker = self.tracker()
        run_id = tracker.find_study(study)
        assert run_id is not None
        return tracker.run(run_id)

    def trials(self, study: str = "small") -> list[TrialRun]:
        """The study's trials by number."""
        tracker = self.tracker()
        runs = [run for run in tracker.children(self.parent(study).run_id) if run.trial_id.isdecimal()]
        return sorted(runs, key=lambda run: int(run.trial_id))

    def optuna_states(self, study: str = "small") -> list[str]:
        names = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
        return [names[trial.state.name] for trial in self._optuna(study).trials]

    def optuna_values(self, study: str = "small") -> dict[int, float]:
        """The last value of every trial that did not fail, by number."""
        trials = [trial for trial in self._optuna(study).trials if trial.value is not None]
        return {trial.number: trial.value for trial in trials if trial.value is not None}

    def _optuna(self, study: str) -> optuna.Study:
        return optuna.load_study(study_name=study, storage=optuna.storages.RDBStorage(self.home.optuna_url))

    def steps(self, run: TrialRun, metric: str) -> list[int]:
        """The steps at which a run has a metric, one per point."""
        client = MlflowClient(tracking_uri=self.store)
        return sorted(point.step for point in client.get_metric_history(run.run_id, metric))

    def statuses(self, study: str = "small") -> list[str]:
        return [run.tags[schema.STATUS] for run in self.trials(study)]


def within(args: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`hmlc` in this process, in a folder and an environment of its own."""
    with patch.dict(os.environ, env, clear=True), chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a process of its own
        result = CliRunner().invoke(app, args)
    return subprocess.CompletedProcess(args, result.exit_code, result.stdout, result.stderr)


def _named(snapshot: Mapping[Path, bytes]) -> Iterator[tuple[Path, set[str]]]:
    """The folders of trials that have checkpoints, and the names of those that the snapshot knows of."""
    for file in sorted(snapshot):
        if not file.name.startswith("experiment_state-"):
            continue
        for state, progress in json.loads(snapshot[file])["trial_data"]:
            folder = file.parent / json.loads(state)["trial_id"]
            known = bytes.fromhex(json.loads(progress)["checkpoint_manager"]["value"])
            if _held(folder):
                yield folder, set(re.findall(r"checkpoint_\d+", known.decode(errors="replace")))


def _held(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("checkpoint_*")}


def read_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """The lines of a process up to the first one that contains `wanted`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if wanted in line:
            return lines
    raise AssertionError(f"the process ended without {wanted!r}:\n" + "".join(lines))


def wait_until(condition: Callable[[], T | None], what: str, seconds: float = 400, *, by: Lines | None = None) -> T:
    """The first result of `condition` that is true; asked again and again until then.

    Args:
        by: what a process prints that must not end before.
    """
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert by is None or by.process.poll() is None, f"the process ended without {what}:\n{by.whole()}"
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.05)


def wait_ended(processes: Sequence[psutil.Process]) -> None:
    """Until none of them runs; one for whose end nobody asks stays as a zombie."""
    wait_until(lambda: not any(map(_runs, processes)), "processes to end")


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def named_below(owner: int) -> list[tuple[psutil.Process, str]]:
    """The processes below `owner` with their names; some end while they are looked at."""
    found = []
    for process in psutil.Process(owner).children(recursive=True):
        with suppress(psutil.Error):
            found.append((process, process.name()))
    return found


def trial_processes(owner: int) -> list[psutil.Process]:
    """The processes below `owner` in which Tune's trials train."""
    return [process for process, name in named_below(owner) if name.startswith("ray::ImplicitFunc")]


def kill_trials(owner: int) -> None:
    """SIGKILL to all processes below `owner` in which Tune's trials train; there is one at least."""
    killed = 0
    for process in trial_processes(owner):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            killed += 1
    assert killed, "no trial trains any more"


@contextmanager
def suspended(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Stop processes for the time of the block: what they do comes to no end meanwhile."""
    assert processes
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def kill_driver(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a driver; at the end its trials' processes have followed it, and write no more.

    It is stopped first, lest its trials end while they are looked up.
    """
    process.send_signal(signal.SIGSTOP)
    assert process.poll() is None, "it has ended by itself"
    training = trial_processes(process.pid)
    process.kill()
    process.wait()
    wait_ended(training)


def begun(lines: list[str]) -> bool:
    """Whether a sweep's first trial has started, by its lines; the store is not opened before it is made."""
    return any("trials done" in line for line in lines)


class Lines(list[str]):
    """The lines of a process so far."""

    process: subprocess.Popen[str]
    reader: Thread

    def whole(self) -> str:
        """All it printed, once it has ended: its last lines are read after its end."""
        self.reader.join(timeout=60)
        assert not self.reader.is_alive(), "its output is still open"
        return "".join(self)


def drain(process: subprocess.Popen[str]) -> Lines:
    """The lines of a process as they come, read by a thread of their own: a full pipe would hold it up."""
    lines = Lines()
    lines.process = process

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            lines.extend(stream)

    lines.reader = Thread(target=read, daemon=True)
    lines.reader.start()
    return lines


def kill(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal to this process alone, wait for its end, and give what it still printed."""
    process.send_signal(number)
    return process.communicate(timeout=400)[0]


def figures(run: TrialRun, names: Sequence[str] = ("val/", "train/loss")) -> dict[str, float]:
    """A run's last metrics without those that the clock decides."""
    return {name: value for name, value in run.metrics.items() if name.startswith(tuple(names))}
