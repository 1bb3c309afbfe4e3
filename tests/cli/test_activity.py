"""Long commands say what they are doing: rate-limited, on stderr, and nothing where nobody asked."""

from __future__ import annotations

import logging
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from hmlc_ray.cli.activity import activity
from hmlc_ray.folders import scan_folder
from hmlc_ray.machine import activity as module
from hmlc_ray.machine.activity import ACTIVITY, NEW_S, SAME_S, Pace, doing, step


def test_a_quick_command_prints_nothing_and_a_slow_one_a_line_now_and_then() -> None:
    pace, printed = Pace(100.0), []
    for tenth in range(10 * 60):
        text = "a" if tenth < 20 else "b" if tenth < 300 else f"b: {tenth}"
        if (line := pace.line(text, 100.0 + tenth / 10)) is not None:
            printed.append((tenth / 10, line))
    assert printed[0] == (NEW_S, f"b ({NEW_S:.0f} s)")  # `a` was done before a line was due
    assert printed[1] == (NEW_S + SAME_S, f"b ({NEW_S + SAME_S:.0f} s)")
    times = [time for time, _ in printed]
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= NEW_S - 1e-6
    assert max(gaps) <= SAME_S + 1e-6
    assert times[-1] > 60 - SAME_S


def test_what_is_done_is_printed_to_stderr(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.VARIABLE)
    monkeypatch.setattr(module, "NEW_S", 0.0)
    printed = threading.Event()
    monkeypatch.setattr("hmlc_ray.cli.guard.say", lambda sentence: (print(sentence), printed.set()))
    with activity("starting"):
        doing("encoding samples", 1024, 50_000)
        assert printed.wait(60)
    assert capsys.readouterr().out.startswith("hmlc: encoding samples: 1,024 of 50,000 (")


def test_the_logger_is_its_users_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv(module.VARIABLE)
    logger = logging.getLogger(ACTIVITY)

    def state() -> tuple[object, ...]:
        return logger.level, logger.propagate, list(logger.handlers), list(module._SHOWN)

    def fail() -> None:
        assert state()[:3] == before[:3]
        with caplog.at_level(logging.DEBUG, ACTIVITY):
            doing("reading")
        assert [shown.text for shown in module._SHOWN] == ["reading"]
        raise ValueError("x")

    before = state()
    with pytest.raises(ValueError, match="x"), activity("starting"):
        fail()
    assert [record.getMessage() for record in caplog.records] == ["reading"]
    assert state() == before


def test_nobody_sees_it_unasked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        doing("reading", 3)
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, ACTIVITY):
        doing("reading")
        doing("reading", 3)
        doing("reading", 3, 4000)
    assert [record.getMessage() for record in caplog.records] == ["reading", "reading: 3", "reading: 3 of 4,000"]


def test_after_a_part_that_is_shown_again_which_was_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(module.VARIABLE)

    @step()
    def part() -> None:
        doing("decoding images", 736, 768)
        assert [shown.text for shown in module._SHOWN] == ["decoding images: 736 of 768"]
        raise ValueError("x")

    with activity("looking at the data"):
        doing("exporting the encoder")
        with pytest.raises(ValueError, match="x"):
            part()
        assert [shown.text for shown in module._SHOWN] == ["exporting the encoder"]


def test_folders_that_were_looked_through_are_not_shown_any_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(module.VARIABLE)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    with activity("starting"):
        scan_folder(tmp_path)
        assert [shown.text for shown in module._SHOWN] == ["starting"]
