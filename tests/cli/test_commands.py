"""Each command hands what was typed to one function of a layer below, and prints what comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_examples import METRICS, RUN, Run, row, sweep_summary
from typer.main import get_command

from hmlc_ray.api import timing
from hmlc_ray.cli.app import app
from hmlc_ray.config.files import dump_trial, load_trial
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.report.write import WrittenReport
from hmlc_ray.study.summary import BestTrial, SweepCounts
from hmlc_ray.study.workspace import Workspace

Layer = Callable[..., None]
SPACE = "study: {name: s, num_trials: 4}\nspace: {objective.temperature: {float: [0.1, 0.5]}}\n"


class Recorder:
    """Stands in for a function: keeps what it was called with."""

    def __init__(self, result: object) -> None:
        self.result, self.args, self.kwargs = result, (), {}  # type: ignore[var-annotated]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.args, self.kwargs = args, kwargs
        return self.result


def test_train_runs_in_this_process(hmlc: Run, layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=iter((10.0, 71.4)).__next__))
    train_run = Recorder(RUN)
    layer("hmlc_ray.runs.single", train_run=train_run)
    Path("t.yaml").write_text("seed: 3\n")
    result = hmlc("train", "t.yaml", "-o", "objective.temperature=0.2", "--home", "h", "--tracking-uri", "sqlite:///x")
    assert result.exit_code == 0
    plan, workspace, progress = train_run.args
    assert (plan.config.seed, plan.config.objective.temperature) == (3, 0.2)
    assert progress
    assert (plan.name, plan.test, workspace) == ("t", False, Workspace.of(Path("h"), "sqlite:///x"))
    assert "parity   96.17   97.00" in result.output
    assert "run: abc (20 epochs, 0:01:01)" in result.output
    assert "look at it with: hmlc ui --tracking-uri sqlite:///x\n" in result.output


def test_the_environment_names_home_and_store(hmlc: Run, layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    train_run = Recorder(RUN)
    layer("hmlc_ray.runs.single", train_run=train_run)
    monkeypatch.setenv("HMLC_HOME", "elsewhere")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///y")
    Path("t.yaml").write_text("seed: 3\n")
    assert hmlc("train", "t.yaml").exit_code == 0
    assert train_run.args[1] == Workspace.of(Path("elsewhere"), "sqlite:///y")


def test_a_configuration_without_validation_is_judged_on_test(hmlc: Run, layer: Layer) -> None:
    train_run = Recorder(RUN)
    layer("hmlc_ray.runs.single", train_run=train_run)
    Path("t.yaml").write_text("data: {train_on: train+val}\nevaluation: {chosen_regularisation: [1, 1]}\n")
    assert hmlc("train", "t.yaml").exit_code == 0
    assert train_run.args[0].test is True


@pytest.mark.parametrize(("text", "workers"), [(None, 1), ("2", 2), ("1:4", "1:4")])
def test_train_on_a_cluster(hmlc: Run, layer: Layer, text: str | None, workers: int | str) -> None:
    train_on_ray = Recorder(RUN)
    layer("hmlc_ray.sweep.remote_run", train_on_ray=train_on_ray)
    Path("t.yaml").write_text("seed: 3\n")
    options = [] if text is None else ["--workers", text]
    assert hmlc("train", "t.yaml", "--address", "auto", *options).exit_code == 0
    _, given, workspace, _ = train_on_ray.args
    assert workspace.address == "auto"
    assert given == workers


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--workers", "2"], "hmlc: --workers needs --address: without one a run trains in this process\n"),
        (["--address", "auto", "--workers", "0"], "hmlc: --workers must be at least 1, got 0\n"),
        (
            ["--address", "auto", "--workers", "x"],
            'hmlc: --workers: workers must be an integer of at least 0, or a range like 1:4, got "x"\n',
        ),
        (["-o", "training.epochs=0"], "hmlc: t.yaml: training.epochs must be an integer of at least 1, got 0\n"),
        (
            ["-o", "objective.level_weights=[1, 2, 3]"],
            "hmlc: objective.level_weights holds 3 values, one is needed for each of the 2 levels\n",
        ),
    ],
)
def test_train_refuses_bad_input(hmlc: Run, options: list[str], sentence: str) -> None:
    Path("t.yaml").write_text("seed: 3\n")
    result = hmlc("train", "t.yaml", *options)
    assert (result.exit_code, result.stderr) == (2, sentence)


def test_sweep(hmlc: Run, layer: Layer) -> None:
    summary = sweep_summary(row(0, "completed", 0.9), row(1, "pruned", 0.5))

    def run_sweep(sweep: Any, workspace: Workspace, progress: Any) -> Any:
        assert (sweep.study.name, sweep.study.num_trials, sweep.study.seed) == ("1e5", 2, 9)
        assert workspace == Workspace.of(Path("hmlc-home"))
        progress.update(SweepCounts(total=2, completed=1, pruned=1, best=0.9))
        return summary

    layer("hmlc_ray.sweep.run", run_sweep=run_sweep)
    Path("s.yaml").write_text(SPACE)
    result = hmlc("sweep", "s.yaml", "--name", "1e5", "--trials", "2", "-o", "study.seed=9")
    assert result.exit_code == 0, result.output
    assert "1e5: 2/2 trials done, 1 completed, 1 pruned, 0 failed, 0 running, best val/probe_top1/mean 0.9000" in (
        result.output
    )
    assert "look at the runs with: hmlc ui\n" in result.output


def test_a_sweep_without_a_completed_trial_fails(hmlc: Run, layer: Layer) -> None:
    layer("hmlc_ray.sweep.run", resume_sweep=Recorder(sweep_summary(row(0, "failed", None, error="NonFiniteLoss"))))
    result = hmlc("resume", "s")
    assert result.exit_code == 1
    assert "no trial of s was completed" in result.output


@pytest.mark.parametrize("best", [0.9, None])
def test_a_sweep_with_a_report_ends_with_its_path(hmlc: Run, layer: Layer, best: float | None, tmp_path: Path) -> None:
    """The report is of that study, in that home and store, also where nothing was completed."""
    status = "failed" if best is None else "completed"
    layer("hmlc_ray.sweep.run", run_sweep=Recorder(sweep_summary(row(0, status, best))))
    write_report = Recorder(WrittenReport("abc", Path("h/studies/s/report.html"), logged=True, bytes=1_200_000))
    layer("hmlc_ray.report.write", write_report=write_report)
    Path("s.yaml").write_text(SPACE)
    result = hmlc("sweep", "s.yaml", "--report", "--home", "h", "--tracking-uri", "sqlite:///x")
    assert result.exit_code == (1 if best is None else 0)
    assert write_report.args[:3] == ("s", Workspace.of(Path("h"), "sqlite:///x"), None)
    assert result.output.splitlines()[-1] == f"report: {tmp_path}/h/studies/s/report.html (1.2 MB)"
    assert "report: hmlc report" not in result.output


def test_a_taken_name_is_one_sentence(hmlc: Run, layer: Layer) -> None:
    def run_sweep(*args: Any, **kwargs: Any) -> None:
        raise StudyError("the study name 's' is taken: go on with it by `hmlc resume s`, or choose another --name")

    layer("hmlc_ray.sweep.run", run_sweep=run_sweep)
    Path("s.yaml").write_text(SPACE)
    result = hmlc("sweep", "s.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith("hmlc: the study name 's' is taken")


@pytest.mark.parametrize("trials", ["0", "-1"])
def test_sweep_refuses_too_few_trials(hmlc: Run, trials: str) -> None:
    Path("s.yaml").write_text(SPACE)
    result = hmlc("sweep", "s.yaml", f"--trials={trials}")
    assert result.exit_code == 2
    assert result.stderr == f"hmlc: s.yaml: study.num_trials must be an integer of at least 1, got {trials}\n"


def test_best_emits_a_configuration_that_train_reads(hmlc: Run, layer: Layer) -> None:
    config = TrialConfig.model_validate({"objective": {"temperature": 0.123456789012345678}, "seed": 5})
    layer("hmlc_ray.study.best", best_trial=Recorder(BestTrial(row(3, "completed", 0.9), config, METRICS)))
    result = hmlc("best", "s", "--emit-config", "best.yaml")
    assert result.exit_code == 0
    assert load_trial("best.yaml") == config
    assert "best trial of s: 3, 0.9000 after 4 epochs" in result.output
    assert "  objective.temperature: 0.1235" in result.output

    values = json.loads(hmlc("best", "s", "--json").stdout)
    assert TrialConfig.model_validate(values["config"]) == config
    assert (values["study"], values["number"], values["metrics"]) == ("s", 3, METRICS)


def test_best_prints_a_configuration_alone(hmlc: Run, layer: Layer) -> None:
    config = TrialConfig.model_validate({"seed": 5})
    layer("hmlc_ray.study.best", best_trial=Recorder(BestTrial(row(3, "completed", 0.9), config, METRICS)))
    result = hmlc("best", "s", "--emit-config", "-")
    assert result.exit_code == 0
    assert result.stdout == dump_trial(config)
    assert not Path("-").exists()
    both = hmlc("best", "s", "--emit-config", "-", "--json")
    assert (both.exit_code, both.stdout) == (2, "")
    assert "both print to standard output" in both.stderr


WRITTEN = {
    ("benchmark", "--results"): ["s"],
    ("benchmark", "--out"): ["s"],
    ("report", "--out"): ["s"],
    ("data show", "--out"): ["digits"],
    ("embed", "--out"): ["s"],
    ("new", "--out"): ["folder"],
    ("taxonomy show", "--draw"): ["digits"],
    ("taxonomy induce", "--out"): ["digits"],
}
"""Options that name what is written, and what their commands need besides."""


@pytest.mark.parametrize(("option", "needed"), WRITTEN.items(), ids=" ".join)
def test_what_is_not_written_to_standard_output_says_so(hmlc: Run, option: tuple[str, str], needed: list[str]) -> None:
    result = hmlc(*option[0].split(), *needed, option[1], "-")
    assert result.exit_code == 2
    assert (
        " ".join(result.stderr.replace("│", " ").split()).count("not written to standard output (-): give a path") == 1
    )


def test_every_option_that_names_a_path_is_among_them() -> None:
    def paths(command: Any, name: str) -> Iterator[tuple[str, str]]:
        for sub, below in getattr(command, "commands", {}).items():
            yield from paths(below, f"{name} {sub}".strip())
        for param in command.params:
            if param.param_type_name == "option" and param.metavar in ("FILE", "DIR", "FOLDER"):
                yield name, param.opts[0]

    read = {"--home", "--emit-config"}
    assert {each for each in paths(get_command(app), "") if each[1] not in read} == {*WRITTEN}


def test_best_overwrites_no_other_file(hmlc: Run, layer: Layer) -> None:
    layer("hmlc_ray.study.best", best_trial=Recorder(BestTrial(row(3, "completed", 0.9), TrialConfig(), METRICS)))
    Path("space.yaml").write_text(SPACE)
    result = hmlc("best", "s", "--emit-config", "space.yaml")
    assert result.exit_code == 2
    assert result.stderr == "hmlc: space.yaml exists already and is not overwritten: choose another name\n"
    assert Path("space.yaml").read_text() == SPACE
    assert [hmlc("best", "s", "--emit-config", "same.yaml").exit_code for _ in range(2)] == [0, 0]
    Path("empty.yaml").touch()
    assert hmlc("best", "s", "--emit-config", "empty.yaml").exit_code == 0


def test_best_writes_to_a_pipe_and_does_not_read_from_it(hmlc: Run, layer: Layer) -> None:
    layer("hmlc_ray.study.best", best_trial=Recorder(BestTrial(row(3, "completed", 0.9), TrialConfig(), METRICS)))
    os.mkfifo("pipe")
    with ThreadPoolExecutor() as threads:
        read = threads.submit(Path("pipe").read_text)
        assert hmlc("best", "s", "--emit-config", "pipe").exit_code == 0
        assert read.result(timeout=60) == dump_trial(TrialConfig())


@pytest.mark.parametrize(("file", "reason"), [("none/best.yaml", "No such file or directory"), (".", "it is a folder")])
def test_best_cannot_write(hmlc: Run, layer: Layer, file: str, reason: str) -> None:
    layer("hmlc_ray.study.best", best_trial=Recorder(BestTrial(row(3, "completed", 0.9), TrialConfig(), METRICS)))
    result = hmlc("best", "s", "--emit-config", file)
    assert (result.exit_code, result.stderr) == (2, f"hmlc: {file} cannot be written: {reason}\n")


def test_probe(hmlc: Run, layer: Layer) -> None:
    probe_run = Recorder({name.replace("val/", "test/"): value for name, value in METRICS.items()})
    layer("hmlc_ray.runs.single", probe_run=probe_run)
    layer("hmlc_ray.runs.sources", locate=Recorder("abc"))
    result = hmlc("probe", "abc", "--split", "test")
    assert result.exit_code == 0
    assert probe_run.args == ("abc", Workspace.of(Path("hmlc-home")))
    assert probe_run.kwargs == {"split": "test", "open_set": None}
    assert "test/tree/cpcc: 0.1234" in result.output
    assert json.loads(hmlc("probe", "abc", "--json").stdout) == probe_run.result


@pytest.mark.parametrize(("arguments", "report"), [(["--report"], True), (["--report", "d"], Path("d"))])
def test_probe_with_a_report(hmlc: Run, layer: Layer, arguments: list[str], report: object) -> None:
    found = SimpleNamespace(evaluation=METRICS, metrics=lambda: {"val/effective_rank/features": 3.5})
    found.folder, found.run_id = Path("home/d"), "abc"
    diagnose_run = Recorder(found)
    layer("hmlc_ray.runs.diagnose", diagnose_run=diagnose_run)
    layer("hmlc_ray.runs.sources", locate=Recorder("abc"))
    result = hmlc("probe", "abc", *arguments)
    assert result.exit_code == 0, result.output
    assert diagnose_run.args == ("abc", Workspace.of(Path("hmlc-home")))
    assert diagnose_run.kwargs == {"split": "val", "report": report, "open_set": None}
    assert "val/effective_rank/features: 3.5000" in result.output
    assert result.output.endswith("report: home/d; logged to run abc\n")
    values = json.loads(hmlc("probe", "abc", "--json", *arguments).stdout)
    assert values == METRICS | {"val/effective_rank/features": 3.5}


def test_a_folder_of_probe_needs_a_report(hmlc: Run) -> None:
    result = hmlc("probe", "abc", "d")
    assert (result.exit_code, result.stderr) == (2, "hmlc: the folder 'd' is for a report: give --report too\n")


def test_check_says_what_was_checked(hmlc: Run) -> None:
    Path("t.yaml").write_text("data: {kind: mnist, root: none}\n")
    Path("s.yaml").write_text(SPACE)
    result = hmlc("check", "t.yaml", "-o", "seed=4")
    assert result.output.splitlines() == [
        "t.yaml: a valid trial",
        "  data: mnist in none, which is not a folder on this machine",
        "  encoder: convnet, embedding of 128 dimensions",
        "  objective: g-hmlc",
        "  training: 20 epochs of batches of 256, adamw at 0.001, seed 4",
    ]
    assert hmlc("check", "s.yaml").output.splitlines() == [
        "s.yaml: a valid search space",
        "  study: s, 4 trials, max of val/probe_top1/mean, tpe, no early stopping",
        "  data: digits",
        "  objective.temperature: 0.1 to 0.5",
    ]


def test_a_trial_has_no_profiles(hmlc: Run) -> None:
    Path("t.yaml").write_text("seed: 3\n")
    result = hmlc("check", "t.yaml", "--profile", "smoke")
    assert (result.exit_code, result.stderr) == (2, "hmlc: t.yaml is a trial, and only a search space has profiles\n")


def test_check_of_a_bad_space(hmlc: Run) -> None:
    Path("s.yaml").write_text(SPACE)
    result = hmlc("check", "s.yaml", "-o", "space.objective.temperature={float: [0, 1]}")
    assert result.exit_code == 2
    assert result.stderr == (
        "hmlc: s.yaml: space.objective.temperature, low end: objective.temperature must be a number above 0 and of at "
        "most 10, or a list of values, each a number above 0 and of at most 10, got 0.0\n"
    )
