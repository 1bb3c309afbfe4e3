"""`hmlc watch`: what it reads, at which cost, and how it is shown."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from hmlc_ray.cli import watch, watch_tables
from hmlc_ray.cli.app import app
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StoreAway
from hmlc_ray.home import Home
from hmlc_ray.machine.processes import machine
from hmlc_ray.report.subject import find_subject
from hmlc_ray.study import heartbeat, schema, watching
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.progress import StatusSnapshot, StatusWriter
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import BestSoFar
from hmlc_ray.study.watching import StudyWatch
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import identity

METRIC = "val/probe_top1/mean"
SPACE = {"objective.temperature": {"float": [0.05, 0.5]}}


class Driven:
    """A study that this process drives, as its runs in the store show it."""

    def __init__(self, tracker: Tracker, folder: Path, total: int) -> None:
        self.tracker, self.folder, self.total = tracker, folder, total
        study = {"name": "s", "num_trials": total, "scheduler": {"kind": "asha", "reduction_factor": 2}}
        save_study(SweepConfig.model_validate({"study": study, "space": SPACE}), Home.of(folder))
        params = {"study.num_trials": total, "study.objective_metric": METRIC, "study.mode": "max"}
        self.parent = tracker.study_run("s", tags={schema.DRIVER: identity()}, params=params)
        self.states: list[TrialStatus] = []
        self.best: BestSoFar | None = None

    def trial(self, curve: list[float], status: TrialStatus) -> str:
        number = len(self.states)
        self.states.append(status)
        run_id = self.tracker.trial_run(
            self.parent,
            str(number),
            name=f"s-{number:04d}",
            params={"training.epochs": 8, "evaluation.every": 2},
            tags={schema.SEARCHED: json.dumps({"objective.temperature": number / 100})},
        )
        self.tracker.log(run_id, [(2 * i, {METRIC: value, "train/loss": 1 / i}) for i, value in enumerate(curve, 1)])
        if status != TrialStatus.RUNNING:
            ended = {schema.STATUS: status.tag, schema.VALUE: curve[-1], schema.EPOCHS: 2 * len(curve)}
            self.tracker.finish(run_id, "FINISHED", ended | {schema.SECONDS: 60})
            if status == TrialStatus.COMPLETED and (self.best is None or curve[-1] > self.best.value):
                self.best = BestSoFar(number, curve[-1], run_id)
        return run_id

    def report(self) -> None:
        writer = StatusWriter(self.tracker, self.parent, self.folder / "studies" / "s", METRIC)
        writer.update(StatusSnapshot.of(self.states, total=self.total, interrupted=0, best=self.best))
        writer.flush(last=True)


@pytest.fixture
def driven(tracker: Tracker, tmp_path: Path) -> Driven:
    """Two trials that train, six that are complete, one pruned, and three that have not started."""
    driven = Driven(tracker, tmp_path, 12)
    for i in range(6):
        driven.trial([0.1 * i, 0.1 * i + 0.05, 0.1 * i + 0.1, 0.1 * i + 0.2], TrialStatus.COMPLETED)
    driven.trial([0.2], TrialStatus.PRUNED)
    driven.trial([0.3, 0.4], TrialStatus.RUNNING)
    driven.trial([], TrialStatus.RUNNING)
    driven.report()
    return driven


def hmlc(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["watch", *arguments, "--home", str(folder)])


def drawn(study: watching.WatchedStudy, width: int, height: int = 50, encoding: str = "utf-8") -> list[str]:
    """The lines of a terminal without styles."""
    content = io.BytesIO()
    console = Console(file=io.TextIOWrapper(content, encoding=encoding), width=width, height=height)
    console.print(watch_tables.drawn(study, console, 5.0, "0:01:00"))
    console.file.flush()
    return content.getvalue().decode(encoding).splitlines()


def test_only_what_is_searched_gives_way_to_a_narrow_terminal(
    driven: Driven, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_tables, "params_text", lambda row: "learning_rate 0.001, level_weights [0.1, 0.9]" * 5)
    study = StudyWatch("s", Workspace.of(tmp_path, tracker.uri)).look()
    lines = drawn(study, watch_tables.WIDE)
    (best,) = [line for line in lines if "*5" in line]
    assert "completed" in best
    assert "8/8" in best
    assert "0.7000" in best
    assert best.rstrip().endswith("…")
    assert not any("pru…" in line or "run…" in line for line in lines)


def test_a_look_shows_what_trains_and_the_best(driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_BEST", 3)
    seen = StudyWatch("s", Workspace.of(tmp_path)).look()
    assert [trial.row.number for trial in seen.trials] == [7, 8, 5, 4, 3]
    assert (seen.overview.study, seen.state, seen.overview.best) == ("s", "running", driven.best)
    assert seen.hidden == {"completed": 3, "pruned": 1, "not started": 3}
    trains, fresh, best = seen.trials[:3]
    assert (trains.epochs, trains.total_epochs, trains.rung, trains.curve) == (4, 8, "2/2", (0.3, 0.4))
    assert (fresh.epochs, fresh.rung, fresh.curve) == (0, "0/2", ())
    assert best.curve == pytest.approx((0.5, 0.55, 0.6, 0.7))
    assert best.row.params == {"objective.temperature": 0.05}


def test_a_look_at_an_unchanged_study_reads_no_curve_again(
    driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of trials: a thousand pruned ones are one line of the study's own run."""
    monkeypatch.setattr(watching, "MOST_BEST", 2)
    read: list[str] = []
    by_itself = Tracker.history
    monkeypatch.setattr(Tracker, "history", lambda self, run, metric: read.append(run) or by_itself(self, run, metric))
    monkeypatch.setattr(Tracker, "children", lambda self, parent: pytest.fail("it must not read all trials"))
    watched = StudyWatch("s", Workspace.of(tmp_path))
    watched.look()
    assert len(read) == 3  # the best two and the one that has reported
    watched.look()
    assert len(read) == 3
    trains = driven.tracker.running_children(driven.parent, 1)[0]
    driven.tracker.log(trains.run_id, [(6, {METRIC: 0.45, "train/loss": 0.1})])
    assert watched.look().trials[0].curve == (0.3, 0.4, 0.45)
    assert read[3:] == [trains.run_id]


def test_terminals_of_all_sizes_show_it(driven: Driven, tmp_path: Path) -> None:
    seen = StudyWatch("s", Workspace.of(tmp_path)).look()
    for width in (40, 80, 140):
        lines = drawn(seen, width)
        assert max(map(len, lines)) <= width
        text = " ".join(" ".join(lines).split())
        assert "7/12 trials done" in text
        assert "not shown: 1 pruned, 3 not started" in text
        (best,) = (line for line in lines if "*5" in line)
        assert "0.7000" in best
        assert "▇" in best
        assert ("temperature 0.05" in best) is (width == 140)
    low = " ".join(" ".join(drawn(seen, 80, height=11, encoding="ascii")).split())
    assert "*5" in low
    assert "not shown: 5 completed, 1 pruned, 3 not started" in low


def test_a_curve_is_on_the_scale_of_all() -> None:
    curves = [(0.0, 0.5, 1.0), (0.5,)]
    assert watch_tables.sparkline(curves[0], curves, watch_tables.PLAIN, 20) == ".+@"
    assert watch_tables.sparkline(curves[0], curves, watch_tables.PLAIN, 2) == "+@"
    assert watch_tables.sparkline(curves[1], curves, watch_tables.PLAIN, 20) == "+"
    assert watch_tables.sparkline((), curves, watch_tables.PLAIN, 20) == ""
    assert watch_tables.sparkline((0.3, 0.3), [(0.3, 0.3)], watch_tables.BLOCKS, 20) == "▁▁"


def test_it_ends_with_the_study(driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines without a terminal: the first look, then the end, which comes while it waits."""
    status = ""

    def end(seconds: float) -> None:
        assert seconds == 2.0
        driven.trial([0.1], TrialStatus.PRUNED)
        driven.tracker.finish(driven.parent, status)  # type: ignore[arg-type]

    monkeypatch.setattr("time.sleep", end)
    again = f"; resume it with: hmlc resume s --home {tmp_path}"
    ends = {"FINISHED": "s is complete", "KILLED": f"s has ended: interrupted{again}"}
    for done, (status, last) in enumerate(ends.items(), start=8):
        driven.tracker.reopen(driven.parent)
        result = hmlc(tmp_path, "s", "--every", "2")
        first, second, *_, ended = result.stdout.splitlines()
        assert result.exit_code == (status != "FINISHED"), result.output
        assert first.startswith("s: 7/12 trials done, ")
        assert second.startswith(f"s: {done}/12 trials done, ")
        assert ended == last


def test_ctrl_c_leaves_it_alone(driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    result = hmlc(tmp_path, "s")
    assert (result.exit_code, result.stderr) == (130, "hmlc: stopped watching; s was left alone\n")
    assert driven.tracker.run(driven.parent).status == "RUNNING"


def test_a_store_that_is_away_is_asked_again(driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_itself, looks = StudyWatch.look, 0

    def look(self: StudyWatch) -> watching.WatchedStudy:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise StoreAway("the MLflow store does not answer")
        return by_itself(self)

    monkeypatch.setattr(StudyWatch, "look", look)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(watch, "PATIENCE_S", -1.0)
    result = hmlc(tmp_path, "s")
    assert (result.exit_code, result.stderr) == (2, "hmlc: the MLflow store does not answer\n")
    assert looks == 2


def test_what_cannot_be_watched_is_one_sentence(driven: Driven, tmp_path: Path) -> None:
    unknown = hmlc(tmp_path, "t")
    assert unknown.exit_code == 2
    assert "there is no study 't' in the MLflow store" in unknown.stderr
    empty = hmlc(tmp_path / "empty", "s")
    assert empty.stderr.startswith("hmlc: there is no MLflow store in ")
    assert not (tmp_path / "empty").exists()
    sweep = SweepConfig.model_validate({"study": {"name": "new"}, "space": SPACE})
    save_study(sweep, Home.of(tmp_path))
    assert "study 'new' has not started yet" in hmlc(tmp_path, "new").stderr


def test_a_store_that_is_deleted_ends_it(driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: (tmp_path / "mlflow.db").unlink())
    result = hmlc(tmp_path, "s")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "the MLflow store is gone" in result.stderr
    assert not (tmp_path / "mlflow.db").exists()


def test_a_benchmark_is_watched_by_the_study_that_runs(driven: Driven, tmp_path: Path) -> None:
    params = {"benchmark.name": "b"}
    benchmark = driven.tracker.study_run(
        "b", tags={schema.DRIVER: identity()}, params=params, kind=schema.RunKind.BENCHMARK
    )
    watched = StudyWatch("b", Workspace.of(tmp_path))
    assert (watched.look().overview.counts, watched.look().state) == (None, "running")
    driven.tracker.set_tags(driven.parent, {schema.PARENT: benchmark})
    seen = watched.look()
    assert (seen.benchmark, seen.overview.study, seen.overview.counts.done) == ("b", "s", 7)  # type: ignore[union-attr]
    driven.tracker.finish(benchmark, "FINISHED")
    assert watched.look().state == "complete"


def test_of_a_study_and_a_benchmark_of_one_name_it_is_the_one_that_runs(driven: Driven, tmp_path: Path) -> None:
    """By one rule for `hmlc watch` and `hmlc report`; of two that have ended it is the study."""
    tracker = driven.tracker
    benchmark = tracker.study_run("s", tags={schema.DRIVER: identity()}, params={}, kind=schema.RunKind.BENCHMARK)
    runs = {driven.parent: "study", benchmark: "benchmark"}

    def found() -> str:
        watched, notes = StudyWatch("s", Workspace.of(tmp_path)), list[str]()
        run_id = find_subject("s", tracker, notes.append).run_id
        assert notes == [watched.note]
        assert (watched.look().benchmark is not None) is (run_id == benchmark)
        other = {"study": "benchmark", "benchmark": "study"}[runs[run_id]]
        assert watched.note == f"this is the {runs[run_id]} s; there is a {other} of that name too"
        return runs[run_id]

    assert found() == "study"
    tracker.finish(driven.parent, "FINISHED")
    assert found() == "benchmark"
    tracker.finish(benchmark, "FINISHED")
    assert found() == "study"
    shown = hmlc(tmp_path, "s")
    assert (shown.exit_code, shown.stderr) == (0, "hmlc: this is the study s; there is a benchmark of that name too\n")
    tracker.reopen(driven.parent)
    tracker.set_tags(driven.parent, {schema.DRIVER: DEAD})
    tracker.reopen(benchmark)
    assert found() == "benchmark"


DEAD = json.dumps({"host": machine(), "pid": 2**22 + 1, "started": 1.0, "start": 1})
ELSEWHERE = json.dumps({"host": "node7/boot", "pid": 7, "started": 1.0, "start": 1})


def test_a_study_that_has_not_started_is_named_beside_a_benchmark(driven: Driven, tmp_path: Path) -> None:
    driven.tracker.study_run("b", tags={}, params={}, kind=schema.RunKind.BENCHMARK)
    assert StudyWatch("b", Workspace.of(tmp_path)).note is None
    save_study(SweepConfig.model_validate({"study": {"name": "b"}, "space": SPACE}), Home.of(tmp_path))
    note = "this is the benchmark b; the study of that name has no run in this store"
    assert StudyWatch("b", Workspace.of(tmp_path)).note == note


def test_a_benchmark_whose_driver_died_elsewhere_ends_by_its_study_s_signs(
    driven: Driven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "STALE_S", 0.0)
    tracker = driven.tracker
    benchmark = tracker.study_run("b", tags={}, params={}, kind=schema.RunKind.BENCHMARK)
    tracker.set_tags(benchmark, {schema.DRIVER: ELSEWHERE})
    signs = {schema.PARENT: benchmark, schema.DRIVER: ELSEWHERE, schema.DRIVER_SEEN: "1"}
    tracker.set_tags(driven.parent, signs)
    assert StudyWatch("b", Workspace.of(tmp_path)).look().state == "died"
    tracker.set_tags(benchmark, {schema.DRIVER: ELSEWHERE.replace("node7", "node8")})  # resumed, its study not yet
    assert StudyWatch("b", Workspace.of(tmp_path)).look().state == "running"
