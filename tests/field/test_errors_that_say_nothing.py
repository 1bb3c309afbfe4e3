"""Errors of other libraries that say nothing: a reason is named all the same."""

from __future__ import annotations

import pytest
import torch
import typer

from hmlc_ray.cli.guard import guarded
from hmlc_ray.errors import TrackingError, TrainingError, UserError, error_sentence, first_line, system_reason
from hmlc_ray.tracking.store import translated
from hmlc_ray.training.checkpoint import write_checkpoint_files
from hmlc_ray.training.memory import memory_errors

SILENT = ["", "\n", "  \n \n"]


@pytest.mark.parametrize(
    ("text", "line"), [("a\nb", "a"), ("\n  a \nb", "a"), *((text, "KeyboardInterrupt") for text in SILENT)]
)
def test_the_first_line_that_says_something_else_the_kind_of_error(text: str, line: str) -> None:
    assert first_line(KeyboardInterrupt(text)) == line


def test_a_refusal_without_a_number_has_a_reason() -> None:
    assert system_reason(FileNotFoundError(2, "No such file", "x")) == "No such file"
    assert system_reason(TimeoutError()) == "TimeoutError"
    assert system_reason(OSError("timed out")) == "timed out"


def test_a_runs_error_tag_does_not_say_a_kind_twice() -> None:
    assert error_sentence(ValueError("a\nb")) == "ValueError: a"
    assert [error_sentence(AssertionError(text)) for text in SILENT] == ["AssertionError"] * 3


@pytest.mark.parametrize("text", SILENT)
def test_want_of_memory_without_a_word(text: str) -> None:
    with pytest.raises(TrainingError, match=r"\(MemoryError\)$"), memory_errors():
        raise MemoryError(text)
    with pytest.raises(TrainingError, match=r"\(OutOfMemoryError\)$"), memory_errors():
        raise torch.OutOfMemoryError(text)


@pytest.mark.parametrize("text", SILENT)
def test_a_store_that_fails_without_a_word(text: str) -> None:
    with pytest.raises(TrackingError, match=r"cannot be used: OSError$"), translated("sqlite:////x"):
        raise OSError(text)


def test_a_checkpoint_that_cannot_be_written_without_a_word(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(torch, "save", refuse)
    with pytest.raises(OSError, match=r"state\.pt cannot be written: RuntimeError$"):
        write_checkpoint_files(tmp_path, type("Checkpoint", (), {"state": {}})())


@pytest.mark.parametrize(("error", "said"), [(UserError(), "hmlc: UserError"), (OSError(), "refused: OSError")])
def test_a_command_that_fails_without_a_word(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit):
        guarded(command)()
    assert said in capsys.readouterr().err
