"""The sweep service under many short trials: what a trial costs its driver, and what happens around it.

    python benchmarks/service.py [--quick] [--trials 500] [--readers 20]

A cluster of a head and four nodes of one CPU each on this machine; every trial sleeps for half a second in five
epochs and reports each with 30 figures and a checkpoint. All else is real: Tune, Optuna, MLflow over sqlite, the
pruning of checkpoints. Only the judgement of the winner is left out: there is no encoder to judge.

Printed, with the goals: trials lost or double (0), growth of the driver's memory from trial 50 on (200 MB), its
bookkeeping per report (50 ms), the time that a trial costs beyond its sleep, last against first hundred (1.3), what
`--readers` threads of another process cost that ask for its status every second (5 %; they ask during every second
fifteen trials of one sweep, each of which is compared with the fifteen before and after), how much longer the sweep
takes for as many processes of `hmlc status` that start at the same moment (shown; the same with 45 trials), and the
time from the SIGKILL of a trial's process to its next epoch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import optuna
import psutil
import torch
from ray.cluster_utils import Cluster

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep import driver
from hmlc_ray.sweep.finish import Conclusion
from hmlc_ray.sweep.run import run_sweep
from hmlc_ray.sweep.train import trial, worker
from hmlc_ray.sweep.train.resume import read_checkpoint
from hmlc_ray.sweep.tune.recorder import SweepSession
from hmlc_ray.sweep.tune.search import StudySearch
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord

NODES, EPOCHS, SECONDS = 4, 5, 0.5
METRIC = "val/probe_top1/mean"
TRACE = "trace.txt"
GOAL_MEMORY_MB, GOAL_REPORT_MS, GOAL_GROWTH, GOAL_SLOWER = 200, 50, 1.3, 1.05
WINDOW, LONG_WINDOW = 15, 45
"""Trials during which readers ask, or do not; trials after twenty processes have started."""
READER = """
import os, sys, threading, time
from pathlib import Path
from hmlc_ray.study.status import statuses
from hmlc_ray.study.workspace import Workspace
home, study, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
on, asked = threading.Event(), []
def ask():
    while on.wait():
        statuses(study, Workspace.of(home))
        asked.append(1)
        time.sleep(1)
statuses(study, Workspace.of(home))
for _ in range(count):
    threading.Thread(target=ask, daemon=True).start()
for line in sys.stdin:
    on.set() if line.strip() == "on" else on.clear()
print(len(asked), flush=True)
os._exit(0)
"""
STARTER = """
import subprocess, sys, time
home, study, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
command = [sys.executable, "-m", "hmlc_ray.cli", "status", study, "--home", home]
took = []
for line in sys.stdin:
    if line.strip() == "on":
        start = time.perf_counter()
        for one in [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]:
            assert one.wait() == 0
        took.append(round(time.perf_counter() - start, 1))
print(*took, flush=True)
"""


Spans = tuple[list[float], str]
"""Seconds per trial of each window but the first, and what the process beside the sweep said at its end."""


def sleep_and_report(params: dict[str, Any]) -> None:
    """In place of `train_in_process`: no learning, the same reports."""
    config = TrialConfig.model_validate(params["trial"])
    resume = read_checkpoint(worker.ray.tune.get_checkpoint())
    taxonomy = Taxonomy.from_paths(("top", "leaf"), [("a", "x"), ("b", "y")])
    report = worker._Reporter(config, worker._send_to_tune, resume)
    value = 1 / (1 + abs(config.objective.temperature - 0.2))  # type: ignore[union-attr]
    for epoch in range(resume.epochs_done + 1 if resume else 1, EPOCHS + 1):
        time.sleep(SECONDS / EPOCHS)
        metrics = {f"train/figure{i}": float(i * epoch) for i in range(29)} | {METRIC: value * epoch / EPOCHS}
        state = {"learner": {"w": torch.zeros(1000)}, "masks": None}
        with (Home.of(None).root / TRACE).open("a") as trace:
            trace.write(f"{os.getpid()} {params['number']} {epoch} {time.time()}\n")
        snapshot = Checkpoint(config, taxonomy, epoch, metrics, None, (1, 8, 8), "f", state)
        report(EpochRecord(epoch, metrics, True), lambda snapshot=snapshot: snapshot)


@dataclass
class Watch:
    """The progress view of a sweep: when trials ended, and how large the driver was."""

    ends: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    ended: Callable[[int], None] = lambda count: None
    """Told how many trials have ended, whenever one has."""

    def update(self, counts: SweepCounts) -> None:
        if counts.done > len(self.ends):
            self.ends.append(time.perf_counter())
            self.memory.append(psutil.Process().memory_info().rss / 1e6)
            self.ended(counts.done)

    def note(self, text: str) -> None:
        pass


@dataclass
class Costs:
    """The driver's time in its own bookkeeping, s per call, by what it is for."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, owner: type, name: str, what: str) -> Any:
        """A patch of a method that keeps the time of its calls."""
        method: Callable[..., Any] = getattr(owner, name)
        into = self.seconds.setdefault(what, [])

        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                into.append(time.perf_counter() - start)

        return patch.object(owner, name, call)


def run(name: str, trials: int, home: Path, address: str, costs: Costs, watch: Watch | None = None) -> Watch:
    """One sweep from its first trial to its end."""
    sweep = SweepConfig.model_validate(
        {
            "study": {"name": name, "num_trials": trials, "sampler": {"kind": "tpe"}},
            "trials": {"resources": {"cpus": 1}},
            "base": {"objective": {"kind": "supcon"}, "training": {"epochs": EPOCHS}},
            "space": {"objective.temperature": {"float": [0.05, 0.5]}, "seed": {"int": [0, 1000]}},
        }
    )
    watch = watch or Watch()
    os.environ["HMLC_HOME"] = str(home)
    with (
        patch.object(trial, "train_in_process", sleep_and_report),
        patch.object(driver, "judge_best", lambda *_: Conclusion({}, home)),
        costs.timed(SweepSession, "reported", "report to MLflow"),
        costs.timed(SweepSession, "started", "start of a trial in MLflow"),
        costs.timed(SweepSession, "ended", "end of a trial in MLflow, its checkpoint included"),
        costs.timed(StudySearch, "on_trial_result", "report to Optuna"),
        costs.timed(StudySearch, "suggest", "draw from Optuna"),
        costs.timed(StudySearch, "on_trial_complete", "end of a trial in Optuna"),
        costs.timed(StudySearch, "save", "searcher's snapshot"),
    ):
        run_sweep(sweep, Workspace.of(home, None, address), watch)
    return watch


def check(name: str, trials: int, home: Path) -> None:
    """Every trial once, with every epoch once, in MLflow and in Optuna."""
    places = Home.of(home)
    tracker = Workspace(places).open_tracker()
    parent = tracker.find_study(name)
    assert parent is not None
    runs = tracker.children(parent)
    assert sorted(int(run.trial_id) for run in runs) == list(range(trials)), "trials lost or double in MLflow"
    assert {(run.status, run.tags[schema.STATUS]) for run in runs} == {("FINISHED", "completed")}
    for run in runs[:: max(1, trials // 20)]:
        history = tracker._client.get_metric_history(run.run_id, METRIC)
        assert [point.step for point in history] == list(range(1, EPOCHS + 1)), "epochs lost or double"
    study = optuna.load_study(study_name=name, storage=optuna.storages.RDBStorage(places.optuna_url))
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * trials, "Optuna does not agree"


def beyond_sleep(watch: Watch) -> list[float]:
    """Seconds that each trial cost beyond its sleep, of which the nodes do four at once."""
    return [after - before - SECONDS / NODES for before, after in zip(watch.ends, watch.ends[1:], strict=False)]


def wall(watch: Watch) -> float:
    """Seconds per trial, without the first ten, whose processes are starting."""
    return (watch.ends[-1] - watch.ends[9]) / (len(watch.ends) - 10)


def verdict(good: bool) -> str:
    return "met" if good else "MISSED"


def many(trials: int, home: Path, address: str) -> float:
    """The large sweep; gives seconds per trial."""
    costs = Costs()
    watch = run("many", trials, home, address, costs)
    check("many", trials, home)
    print(f"{trials} trials: none lost, none double; {wall(watch):.3f} s per trial (sleep alone {SECONDS / NODES} s)")
    growth = watch.memory[-1] - watch.memory[min(49, trials // 4)]
    print(f"driver's memory: {growth:+.0f} MB (goal {GOAL_MEMORY_MB}: {verdict(growth <= GOAL_MEMORY_MB)})")
    reports = [statistics.median(costs.seconds[what]) * 1000 for what in ("report to MLflow", "report to Optuna")]
    good = verdict(sum(reports) <= GOAL_REPORT_MS)
    print(f"bookkeeping per report: {sum(reports):.1f} ms, median (goal {GOAL_REPORT_MS}: {good})")
    for what, seconds in costs.seconds.items():
        part = max(1, len(seconds) // 5)
        first, last = (statistics.median(some) * 1000 for some in (seconds[:part], seconds[-part:]))
        print(f"  {what}: median {statistics.median(seconds) * 1000:.1f} ms, first fifth {first:.1f}, last {last:.1f}")
    extra, part = beyond_sleep(watch)[9:], min(100, trials // 3)
    first, last = statistics.mean(extra[:part]), statistics.mean(extra[-part:])
    good = f"{GOAL_GROWTH}: {verdict(last <= GOAL_GROWTH * first)}"
    print(f"beyond its sleep: first {part} {first:.3f} s, last {last:.3f} s, ratio {last / first:.2f} ({good})")
    return wall(watch)


def spans_of(name: str, trials: int, window: int, code: str, readers: int, home: Path, address: str) -> Spans:
    """A sweep with a process beside it that is told `on` at the start of every second window, and `off` at its end."""
    box: list[subprocess.Popen[str]] = []
    command = [sys.executable, "-c", code, str(home), name, str(readers)]

    def ended(count: int) -> None:
        if count == window // 2:
            box.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        elif box and box[0].stdin is not None and count % window == 0:
            box[0].stdin.write("on\n" if count // window % 2 == 0 else "off\n")
            box[0].stdin.flush()

    try:
        ends = run(name, trials, home, address, Costs(), Watch(ended=ended)).ends
        said = box[0].communicate(timeout=60)[0].strip()
    finally:
        for reader in box:
            reader.kill()
    marks = [ends[count - 1] for count in range(window, len(ends) + 1, window)]
    return [(after - before) / window for before, after in pairwise(marks)], said


def start_along(trials: int, readers: int, home: Path, address: str) -> None:
    """A sweep in which processes that ask for its status start together, every second window."""
    spans, took = spans_of("started", trials, LONG_WINDOW, STARTER, readers, home, address)
    lost = [LONG_WINDOW * (spans[k] - (spans[k - 1] + spans[k + 1]) / 2) for k in range(1, len(spans) - 1, 2)]
    print(
        f"{readers} processes of `hmlc status` at once: they ended after {took} s; the {LONG_WINDOW} trials beside and "
        f"after them took {' '.join(f'{one:+.1f}' for one in lost)} s more than those before and after, "
        f"{LONG_WINDOW * statistics.median(spans[::2]):.1f} s"
    )


def read_along(trials: int, readers: int, home: Path, address: str) -> None:
    """A sweep whose status is asked for during every second window."""
    spans, answers = spans_of("read", trials, WINDOW, READER, readers, home, address)
    # The first window without readers is left out: there the reader itself is starting.
    ratios = [2 * spans[k] / (spans[k - 1] + spans[k + 1]) for k in range(3, len(spans) - 1, 2)]
    quiet = [2 * spans[k] / (spans[k - 2] + spans[k + 2]) for k in range(4, len(spans) - 2, 2)]
    ratio = statistics.median(ratios)
    print(
        f"{readers} readers, {answers} answers: {statistics.median(spans[3::2]):.3f} s per trial against "
        f"{statistics.median(spans[2::2]):.3f} without; ratio to the windows before and after, "
        f"median of {len(ratios)}: {ratio:.2f} ({GOAL_SLOWER}: {verdict(ratio <= GOAL_SLOWER)}); all: "
        + " ".join(f"{one:.2f}" for one in ratios)
        + "; windows without readers to the next of their kind: "
        + " ".join(f"{one:.2f}" for one in quiet)
    )


def recovery(home: Path, address: str) -> None:
    """SIGKILL to a trial's process; how long until it trains again."""
    home.mkdir(parents=True, exist_ok=True)
    trace = home / TRACE
    trace.touch()
    killed: list[tuple[float, str, str]] = []

    def kill() -> None:
        while not (lines := trace.read_text().splitlines()) or lines[-1].split()[2] != "2":
            time.sleep(0.01)
        pid, number, _, _ = lines[-1].split()
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(pid)).kill()
        killed.append((time.time(), pid, number))

    thread = threading.Thread(target=kill)
    thread.start()
    run("killed", 4, home, address, Costs())
    thread.join()
    moment, pid, number = killed[0]
    again = [line.split() for line in trace.read_text().splitlines()]
    later = [(float(at), epoch) for who, which, epoch, at in again if which == number and who != pid]
    check("killed", 4, home)
    print(
        f"recovery: {later[0][0] - moment:.2f} s from SIGKILL to the end of epoch {later[0][1]} ({SECONDS / EPOCHS} s)"
    )


PARTS = ("many", "readers", "recovery")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="60 trials at most")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    trials = min(60, options.trials) if options.quick else options.trials
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(NODES):
            cluster.add_node(num_cpus=1)
        with tempfile.TemporaryDirectory() as folder:
            if "many" in options.parts:
                many(trials, Path(folder) / "many", cluster.address)
            if "readers" in options.parts:
                read_along(max(6 * WINDOW, min(trials, 300)), options.readers, Path(folder) / "read", cluster.address)
                starts = max(5 * LONG_WINDOW, min(trials, 9 * LONG_WINDOW))
                start_along(starts, options.readers, Path(folder) / "started", cluster.address)
            if "recovery" in options.parts:
                recovery(Path(folder) / "killed", cluster.address)
    finally:
        cluster.shutdown()
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
