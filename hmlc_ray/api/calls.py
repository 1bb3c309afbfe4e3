"""Where the API meets the layers below: the function that each call needs, and its arguments.

Each is imported when it is called, so that no function loads more than it needs: `best` and `status` no Ray, Optuna or
torch, `load_encoder` no Ray.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hmlc_ray.machine.user import prepare_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from hmlc_ray.benchmark.request import BenchmarkRequest
    from hmlc_ray.benchmark.run import BenchmarkResult
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.config.sweep import SweepConfig
    from hmlc_ray.diagnosis import Diagnosis
    from hmlc_ray.report.write import WrittenReport
    from hmlc_ray.runs.embed import EmbeddedTable
    from hmlc_ray.runs.plan import RunPlan
    from hmlc_ray.runs.sources import Located
    from hmlc_ray.runs.starting.proposal import NewSpace, Note
    from hmlc_ray.runs.starting.recognise import Kind
    from hmlc_ray.study.comparison import Comparison
    from hmlc_ray.study.status import StudyOverview
    from hmlc_ray.study.summary import BestTrial, RunProgress, RunSummary, SweepProgress, SweepSummary
    from hmlc_ray.study.workspace import Workspace
    from hmlc_ray.training.trained import TrainedEncoder

AnyPath = str | os.PathLike[str]


def workspace_of(home: AnyPath | None, tracking_uri: str | None = None, address: str | None = None) -> Workspace:
    """The workspace of a call, by the arguments that every function has."""
    from hmlc_ray.study.workspace import Workspace

    prepare_process()
    _forget_data()
    return Workspace.of(None if home is None else Path(home), tracking_uri, address)


def _forget_data() -> None:
    """Have data read again, since it may have changed on disk after an earlier call of this process."""
    fit = sys.modules.get("hmlc_ray.training.fit")  # where it is not imported, nothing was read
    if fit is not None:
        fit.cached_data.cache_clear()


def start(config: SweepConfig, workspace: Workspace, progress: SweepProgress) -> SweepSummary:
    """Run a new study."""
    from hmlc_ray.sweep.run import run_sweep

    return run_sweep(config, workspace, progress)


def resume(name: str, workspace: Workspace, progress: SweepProgress, trials: int | None) -> SweepSummary:
    """Resume a study."""
    from hmlc_ray.study.resuming import resuming

    with resuming(name, workspace.home):  # before torch and Ray are loaded, which takes seconds
        from hmlc_ray.sweep.run import resume_sweep

        return resume_sweep(name, workspace, progress, trials=trials)


def retry(name: str, workspace: Workspace, progress: SweepProgress) -> SweepSummary:
    """Run the failed trials of a study again."""
    from hmlc_ray.study.resuming import resuming

    with resuming(name, workspace.home):
        from hmlc_ray.sweep.run import retry_failed

        return retry_failed(name, workspace, progress)


def benchmark(request: BenchmarkRequest, progress: SweepProgress) -> BenchmarkResult:
    """Run what is missing of a suite."""
    from hmlc_ray.study.resuming import resuming

    with resuming(request.suite.benchmark.name, request.workspace.home):
        from hmlc_ray.benchmark.run import run_benchmark

        return run_benchmark(request, progress)


def best(name: str, workspace: Workspace) -> BestTrial:
    """The best trial of a study."""
    from hmlc_ray.study.best import best_trial

    return best_trial(name, workspace)


def compare(names: Sequence[str], workspace: Workspace) -> Comparison:
    """Runs side by side."""
    from hmlc_ray.study.comparison import compare_runs

    return compare_runs(names, workspace)


def new(
    wanted: tuple[Path, Path | None, Kind | None],
    overrides: Overrides,
    workspace: Workspace,
    note: Note,
    *,
    measured: bool,
) -> NewSpace:
    """A search space for a folder of data."""
    from hmlc_ray.runs.starting.location import locate

    location = locate(*wanted, overrides)  # before torch is loaded, which takes seconds
    from hmlc_ray.runs.starting.proposal import write_new_space

    return write_new_space(location, workspace, note, measured=measured)


def statuses(name: str | None, workspace: Workspace, jobs: str | None) -> list[StudyOverview]:
    """One study or all: of the store or, with the URL of a Jobs API, of that cluster."""
    if jobs is None:
        from hmlc_ray.study.status import statuses

        return statuses(name, workspace)
    from hmlc_ray.sweep.jobs.client import connect
    from hmlc_ray.sweep.jobs.status import job_statuses

    return job_statuses(name, workspace, connect(jobs))


def train(plan: RunPlan, workers: int | str, workspace: Workspace, progress: RunProgress) -> RunSummary:
    """Train one configuration: in this process or, with an address, by Ray Train."""
    if workspace.address is None:
        from hmlc_ray.runs.single import train_run

        return train_run(plan, workspace, progress)
    from hmlc_ray.sweep.remote_run import train_on_ray

    return train_on_ray(plan, workers, workspace, progress)


def probe(
    target: AnyPath, workspace: Workspace, split: Literal["val", "test"], open_set: AnyPath | None
) -> dict[str, float]:
    """Evaluate a trained encoder."""
    located = _located(target, workspace)
    from hmlc_ray.runs.single import probe_run

    return probe_run(located, workspace, split=split, open_set=None if open_set is None else os.fspath(open_set))


def diagnose(
    target: AnyPath,
    workspace: Workspace,
    split: Literal["val", "test"],
    report: AnyPath | bool,
    open_set: AnyPath | None,
) -> Diagnosis:
    """Diagnose a trained encoder."""
    located = _located(target, workspace)
    from hmlc_ray.machine.user import expanded
    from hmlc_ray.runs.diagnose import diagnose_run

    folder = report if isinstance(report, bool) else expanded(report)
    unknown = None if open_set is None else os.fspath(open_set)
    return diagnose_run(located, workspace, split=split, report=folder, open_set=unknown)


def find_encoder(source: AnyPath, workspace: Workspace) -> TrainedEncoder:
    """Load a trained encoder."""
    located = _located(source, workspace)
    from hmlc_ray.runs.encoders import find_encoder

    return find_encoder(located, workspace)


def embed(
    source: AnyPath, data: AnyPath | None, out: Path, workspace: Workspace, overrides: Overrides
) -> EmbeddedTable:
    """Write an encoder's features of a data set as a table."""
    located = _located(source, workspace)
    from hmlc_ray.runs.embed import embed_data

    return embed_data(located, None if data is None else os.fspath(data), out, workspace, overrides)


def report(
    name: str, workspace: Workspace, out: Path | None, embedding: bool, note: Callable[[str], None]
) -> WrittenReport:
    """Write a report, and log it."""
    from hmlc_ray.report.write import write_report

    return write_report(name, workspace, out, embedding=embedding, note=note)


def _located(source: AnyPath, workspace: Workspace) -> Located:
    """Refuse a name that nothing has, before torch is loaded, which takes seconds."""
    from hmlc_ray.runs.sources import locate

    return locate(source, workspace)
