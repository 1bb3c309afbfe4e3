"""Errors: exit codes, one sentence, and where the traceback went."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hmlc_ray.cli.guard import guarded
from hmlc_ray.errors import ConfigError, NonFiniteLoss, StudyError


def outcome(error: BaseException) -> tuple[int, str]:
    def command() -> None:
        raise error

    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(guarded(command))
    result = CliRunner().invoke(app, [])
    assert result.stdout == ""
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ConfigError("f.yaml: [bold]a[/] is\n wrong"), 2, "hmlc: f.yaml: [bold]a[/] is wrong\n"),
        (StudyError("taken"), 2, "hmlc: taken\n"),
        (NonFiniteLoss("the loss became nan"), 1, "hmlc: the loss became nan\n"),
        (KeyboardInterrupt(), 130, "hmlc: interrupted\n"),
        (KeyboardInterrupt("go on with: hmlc resume s"), 130, "hmlc: go on with: hmlc resume s\n"),
        (typer.Exit(5), 5, ""),
    ],
)
def test_sentence_and_exit_code(error: BaseException, code: int, sentence: str) -> None:
    assert outcome(error) == (code, sentence)


def test_a_bug_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, sentence = outcome(KeyError("x"))
    found = re.fullmatch(
        r"hmlc: unexpected KeyError: 'x' \(a bug; the traceback is in (.*), or shown with HMLC_DEBUG=1\)\n", sentence
    )
    assert code == 1
    assert found is not None
    assert "in command" in Path(found[1]).read_text()


def test_what_the_system_refuses_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, sentence = outcome(OSError(28, "No space left on device", "h/state.pt"))
    assert code == 1
    assert sentence.startswith("hmlc: the system refused: [Errno 28] No space left on device: 'h/state.pt' (the trace")


def test_a_thread_that_the_system_refuses_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, sentence = outcome(RuntimeError("can't start new thread"))
    assert (code, sentence.partition(" (")[0]) == (1, "hmlc: the system refused: can't start new thread")


def test_an_exit_of_a_library_keeps_its_code_and_a_panic_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Panic(BaseException):
        """As those of libraries in Rust."""

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert outcome(SystemExit(5)) == (5, "")
    code, sentence = outcome(Panic("over"))
    assert (code, sentence.partition(" (")[0]) == (1, "hmlc: unexpected Panic: over")


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_DEBUG", "1")

    def command() -> None:
        raise ConfigError("x")

    with pytest.raises(ConfigError):
        guarded(command)()


def test_a_sentence_is_wrapped_between_words_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(typer.Exit):
        guarded(lambda: (_ for _ in ()).throw(ConfigError("word " * 12 + "/a/long/path/that-is-not-broken" * 2)))()
    lines = capsys.readouterr().err.splitlines()
    assert [line.strip() for line in lines] == [
        "hmlc: word word word word word word word",
        "word word word word word",
        "/a/long/path/that-is-not-broken" * 2,
    ]
