"""Commands that are printed to be typed again: a shell reads every word as it was meant, and `hmlc` takes them."""

from __future__ import annotations

import ast
import io
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer.main
from cli_examples import RUN, row, sweep_summary
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import hmlc_ray
from hmlc_ray.cli.app import app
from hmlc_ray.cli.guard import say
from hmlc_ray.cli.tables import print_run, print_sweep
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import ClusterError, StudyError
from hmlc_ray.home import VARIABLE, Home
from hmlc_ray.names.uris import typed_uri
from hmlc_ray.study.commands import command
from hmlc_ray.study.workspace import URI_VARIABLE, Workspace
from hmlc_ray.sweep import run
from hmlc_ray.sweep.cluster import token
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.extend import with_trials
from hmlc_ray.sweep.jobs import submit
from hmlc_ray.sweep.reap import Reaped
from hmlc_ray.tracking.drivers import JOB_VARIABLE

FOLDERS = [
    "my data",
    "it's",
    'say "hi"',
    "$HOME",
    "a;b&c|d>e",
    "`id`",
    "Früchte 果物",
    ":cat:",
    "[bold]x[/]",
    "a  b",
    "*?!",
]
URIS = [
    "sqlite:////data/my runs/mlflow.db",
    "sqlite:////data/me@home/mlflow.db",
    "postgresql://u@h/db?sslmode=require&connect_timeout=5",
    "sqlite:///it's & $x.db",
]
HMLC = cast(Any, typer.main.get_command(app))


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, URI_VARIABLE, JOB_VARIABLE, "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def read_back(text: str) -> tuple[str, dict[str, Any]]:
    """A printed command as a shell and `hmlc` itself read it: the verb and its options."""
    program, verb, *words = shlex.split(text)
    assert program == "hmlc"
    params = HMLC.commands[verb].make_context(verb, words).params
    return verb, {name: value for name, value in params.items() if value not in (None, False)}


def between(text: str, before: str, after: str = "") -> str:
    return re.search(re.escape(before) + "(.*?)" + (re.escape(after) + "|$" if after else "$"), text, re.DOTALL)[1]  # type: ignore[index]


def lines(console: Console) -> list[str]:
    return cast(io.StringIO, console.file).getvalue().splitlines()


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("uri", [None, *URIS])
def test_a_sweeps_last_lines(folder: str, uri: str | None) -> None:
    console = Console(file=io.StringIO(), width=60)
    print_sweep(sweep_summary(row(0, "completed", 0.9)), Workspace.of(Path(folder), uri), console)
    verb, options = read_back(between(lines(console)[-2], "configuration: "))
    assert (verb, options["name"], options["home"]) == ("best", "s", Path(folder))
    assert options.get("tracking_uri") == uri
    verb, options = read_back(between(lines(console)[-1], "look at the runs with: "))
    assert (verb, options.get("tracking_uri")) == ("ui", uri)
    assert uri is not None or options["home"] == Path(folder)
    (report,) = (line for line in lines(console) if line.startswith("report: "))
    verb, options = read_back(between(report, "report: "))
    assert (verb, options["name"], options["home"]) == ("report", "s", Path(folder))
    assert options.get("tracking_uri") == uri


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_runs_last_line(folder: str) -> None:
    console = Console(file=io.StringIO(), width=60)
    print_run(RUN, Workspace.of(Path(folder)), console)
    assert read_back(between(lines(console)[-1], "look at it with: "))[1]["home"] == Path(folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_resuming(folder: str, tmp_path: Path) -> None:
    home = Home.of(tmp_path / folder)
    verb, options = read_back(Workspace(home, URIS[2], "10.0.0.1:6379").resume_command("s"))
    assert (verb, options["name"], options["home"]) == ("resume", "s", home.root)
    assert (options["address"], options["tracking_uri"]) == ("10.0.0.1:6379", URIS[2])


@pytest.mark.parametrize("file", ["best one.yaml", "-x.yaml", "--help", "it's $x & y.yaml", "果物.yaml"])
def test_the_best_configuration_is_trained_again(
    file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hmlc_ray.cli.best import best

    monkeypatch.setattr("hmlc_ray.study.best.best_trial", lambda *_, **__: SimpleNamespace(config=None))
    monkeypatch.setattr("hmlc_ray.config.files.write_trial", lambda *_: None)
    monkeypatch.setattr("hmlc_ray.cli.tables.print_best", lambda *_: None)
    best("s", emit_config=Path(file), home=tmp_path / "a b")
    verb, options = read_back(between(capsys.readouterr().out.strip(), "reproduce it with: ")[:-1])
    assert (verb, options["file"], options["home"]) == ("train", file, tmp_path / "a b")


def test_what_reap_closed_is_resumed_in_the_same_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hmlc_ray.cli.reap import reap

    monkeypatch.setattr("hmlc_ray.sweep.reap.reap", lambda *_, **__: [Reaped("s", 1)])
    reap(None, home=tmp_path / "a b", tracking_uri=URIS[0])
    verb, options = read_back(between(capsys.readouterr().out.strip(), "resume it with: "))
    assert (verb, options["home"], options["tracking_uri"]) == ("resume", tmp_path / "a b", URIS[0])


def test_retrying_nothing_in_particular(tmp_path: Path) -> None:
    from hmlc_ray.cli.sweep import retry

    with pytest.raises(StudyError) as refused:
        retry(cast(Any, None), "s", home=tmp_path / "a b", tracking_uri=URIS[0])
    verb, options = read_back(between(str(refused.value), "`", "`"))
    assert (verb, options["failed"], options["home"]) == ("retry", True, tmp_path / "a b")


def test_a_taken_or_finished_study(tmp_path: Path) -> None:
    home, store = Home.of(tmp_path / "it's & $x"), cast(Any, SimpleNamespace(uri="x", find_study=lambda _: "id"))
    sweep = SweepConfig.model_validate({"study": {"name": "s", "num_trials": 3}, "space": {"seed": {"int": [0, 9]}}})
    store.run = lambda _: SimpleNamespace(status="FINISHED", params={"study.num_trials": "3"}, tags={})
    store.send_again = lambda: None
    context = StudyContext(sweep, cast(Any, None), Workspace(home), store, cast(Any, None))
    with pytest.raises(StudyError) as taken:
        run._refuse_taken(sweep, context.workspace, store)
    assert read_back(between(str(taken.value), "with `", "`, or"))[1]["home"] == home.root
    with pytest.raises(StudyError) as complete:
        with_trials(sweep, store, None, context.workspace)
    assert read_back(between(str(complete.value), "see `", "`"))[1]["home"] == home.root
    verb, options = read_back(between(str(complete.value), "trials by `", "`"))
    assert (verb, options["home"], options["trials"]) == ("resume", home.root, 4)


@pytest.mark.parametrize(("state", "verb"), [("RUNNING", "logs"), ("SUCCEEDED", "best"), ("STOPPED", "resume")])
def test_a_study_that_the_cluster_knows(state: str, verb: str) -> None:
    attempt = cast(Any, SimpleNamespace(state=state, exit_code=0, active=state == "RUNNING", status_words="is here"))
    with pytest.raises(StudyError) as taken:
        submit._refuse_known("s", [attempt], "http://h:8265")
    found, options = read_back(between(str(taken.value), "`", "`"))
    assert (found, options["name"]) == (verb, "s")
    assert verb == "best" or options["address"] == "http://h:8265"


def test_a_token_file_that_others_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my $token"
    file.touch(mode=0o644)
    monkeypatch.setenv(token.TOKEN_FILE, str(file))
    monkeypatch.setenv(token.MODE, "token")
    monkeypatch.delenv(token.TOKEN, raising=False)
    with pytest.raises(ClusterError) as refused:
        token.check_token_file()
    assert shlex.split(between(str(refused.value), "`", "`")) == ["chmod", "600", str(file)]


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(name=TEXT, home=TEXT, uri=TEXT)
def test_any_words_round_trip(name: str, home: str, uri: str) -> None:
    verb, options = read_back(command("train", name, home=home, tracking_uri=uri, test=True))
    assert verb == "train"
    assert (options["file"], options["home"]) == (name, Path(home))
    assert (options["tracking_uri"], options["test"]) == (uri, True)


@pytest.mark.parametrize("columns", [None, 40])
@pytest.mark.parametrize("folder", [*FOLDERS, "a\nb", "x" * 60 + " y"])
def test_a_sentence_leaves_the_commands_in_it_alone(
    folder: str, columns: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if columns is not None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))
    wanted = command("resume", "s", home=folder)
    say(f"the study was\n interrupted: go on with `{wanted}`, or stop it with `{command('stop', 's')}`")
    said = capsys.readouterr().err
    assert f"`{wanted}`" in said
    assert "`hmlc stop s`" in said
    assert "was interrupted" in said


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://u:secret@h:5432/db", "postgresql://u@h:5432/db"),
        ("postgresql://u:s@c?ret@h/db", "postgresql://u@h/db"),
        ("postgresql://h/db?user=u&password=secret&sslmode=require", "postgresql://h/db?user=u&sslmode=require"),
        ("postgresql://h/db?passfile=/etc/p", "postgresql://h/db?passfile=/etc/p"),
        ("https://u:secret@h/mlflow?token=secret", "https://h/mlflow"),
        ("sqlite:////a@b/c.db?mode=ro", "sqlite:////a@b/c.db?mode=ro"),
    ],
)
def test_a_uri_is_typed_again_without_its_secrets(uri: str, shown: str) -> None:
    assert typed_uri(uri) == shown


def test_no_command_is_put_together_elsewhere() -> None:
    package = Path(hmlc_ray.__file__).parent
    found = [
        f"{file.relative_to(package)}:{node.lineno}"
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        and any(
            isinstance(part, ast.Constant) and re.search(r"\b(hmlc|chmod|rm|mlflow|ray) [a-z0-9-]+ $", str(part.value))
            for part in node.values[:-1]
        )
    ]
    assert found == []


@given(values=st.lists(st.sampled_from(["a.b=1", "base.data.root=/my data/$x", "x={a: [1, 2]}", "-o=1"]), max_size=3))
@settings(deadline=None)
def test_an_option_that_is_given_several_times(values: list[str]) -> None:
    verb, options = read_back(command("benchmark", "-suite.yaml", o=values, results=Path("r.jsonl")))
    assert (verb, options["suite"], list(options.get("override", ()))) == ("benchmark", "-suite.yaml", values)


def test_a_benchmark_is_resumed_with_the_overrides_that_it_was_started_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hmlc_ray.cli import benchmark

    asked = []
    monkeypatch.setattr("hmlc_ray.benchmark.plan.plan", lambda made: asked.append(made) or SimpleNamespace())
    monkeypatch.setattr("hmlc_ray.benchmark.run.Benchmark", lambda request, _: request.again)
    monkeypatch.setattr("hmlc_ray.cli.json_output.print_json", lambda *_: None)
    keys = ["benchmark.seeds=[0, 1, 2]", "base.training.epochs=3"]
    benchmark.benchmark("suites/digits", plan=True, as_json=True, override=keys, home=tmp_path)
    assert read_back(asked[0])[1]["override"] == keys
