"""Progress: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from hmlc_ray.api.progress import Remaining, epoch_state, run_progress, sweep_progress
from hmlc_ray.machine import activity
from hmlc_ray.study.summary import SweepCounts

EPOCH = {
    "train/loss": 1.5,
    "train/loss/parity": 1.0,
    "train/loss/digit": 2.0,
    "train/images_per_second": 5120.4,
    "train/learning_rate": 0.1,
}
JUDGED = EPOCH | {
    "val/probe_top1/parity": 0.97,
    "val/probe_top1/digit": 0.89,
    "val/probe_top1/leaf": 0.89,
    "val/probe_top1/mean": 0.93,
}


def plain() -> Console:
    return Console(file=io.StringIO(), width=200)


def terminal() -> Console:
    return Console(file=io.StringIO(), width=200, force_terminal=True)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_epoch_state() -> None:
    assert epoch_state(JUDGED) == (
        "loss 1.5000 (parity 1.0000, digit 2.0000), 5,120 samples/s, val probe 0.9300 (parity 0.9700, digit 0.8900)"
    )
    assert epoch_state({}) == ""


def test_a_run_without_a_terminal_is_a_line_per_epoch() -> None:
    console = plain()
    with run_progress(console) as progress:
        progress.note("connecting [x]")
        progress.epoch(1, 2, EPOCH)
    assert text(console).splitlines() == [
        "loading torch",
        "connecting [x]",
        "epoch 1/2: loss 1.5000 (parity 1.0000, digit 2.0000), 5,120 samples/s",
    ]


def test_a_sweep_without_a_terminal_is_a_line_per_ended_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 30.0])
    monkeypatch.setattr("hmlc_ray.api.progress.time.monotonic", lambda: next(clock))
    console = plain()
    with sweep_progress("s", "val/x", console, first=None) as progress:
        for counts in (
            SweepCounts(total=3, running=1),
            SweepCounts(total=3, running=2),
            SweepCounts(total=3, running=1, completed=1, best=0.5),
            SweepCounts(total=3, completed=1, pruned=1, failed=1, best=0.5),
        ):
            progress.update(counts)
    assert text(console).splitlines() == [
        "s: 0/3 trials done, 0 completed, 0 pruned, 0 failed, 1 running",
        "s: 1/3 trials done, 1 completed, 0 pruned, 0 failed, 1 running, best val/x 0.5000, 0:00:20 left",
        "s: 3/3 trials done, 1 completed, 1 pruned, 1 failed, 0 running, best val/x 0.5000",
    ]


def test_lines_of_a_long_sweep_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand trials within 100 s: the start, the first end, failures, one line in ten seconds, the last."""
    now = [0.0]
    monkeypatch.setattr("hmlc_ray.api.progress.time.monotonic", lambda: now[0])
    console, failed = plain(), 0
    with sweep_progress("s", "val/x", console, first=None) as progress:
        progress.update(SweepCounts(total=2000, running=1))
        for done in range(1, 1001):
            now[0] = done / 10
            failed += done in (333, 334)
            progress.update(SweepCounts(total=2000, running=1, completed=done - failed, failed=failed))
    done = [int(line.split("/")[0].removeprefix("s: ")) for line in text(console).splitlines()]
    assert done == [0, 1, 101, 201, 301, 333, 334, 434, 534, 634, 734, 834, 934, 1000]


def test_what_was_kept_is_printed_when_a_sweep_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.api.progress.time.monotonic", lambda: 0.0)
    console = plain()

    def interrupted() -> None:
        with sweep_progress("s", "val/x", console, first=None) as progress:
            for done in range(5):
                progress.update(SweepCounts(total=9, completed=done))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [line.split(" ")[1] for line in text(console).splitlines()] == ["0/9", "1/9", "4/9"]


def test_lines_of_a_long_run_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("hmlc_ray.api.progress.time.monotonic", lambda: now[0])
    console = plain()
    with run_progress(console) as progress:
        for epoch in range(1, 31):
            now[0] = float(epoch)
            progress.epoch(epoch, 30, EPOCH)
    assert [line.split(":")[0] for line in text(console).splitlines()[1:]] == [
        f"epoch {epoch}/30" for epoch in (1, 11, 21, 30)
    ]


def test_time_left_counts_only_what_ended_since_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("hmlc_ray.api.progress.time.monotonic", lambda: next(clock))
    remaining = Remaining()
    assert remaining(6, 10) == ""
    assert remaining(8, 10) == "0:00:10"


def test_bars_on_a_terminal() -> None:
    console = terminal()
    with sweep_progress("my-study", "val/x", console) as sweep:
        sweep.update(SweepCounts(total=4, running=1, completed=2, best=0.75))
        sweep.note("refit [1]")
    with run_progress(console) as run:
        run.epoch(1, 2, JUDGED)
    shown = text(console)
    assert "my-study" in shown
    assert "2 completed, 0 pruned, 0 failed, 1 running, best val/x 0.7500" in shown
    assert "refit [1]" in shown
    assert "val probe 0.9300 (parity 0.9700, digit 0.8900)" in shown


def test_a_bar_fits_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=40, force_terminal=True, no_color=True)
    with sweep_progress("a-study-with-a-long-name", "val/x", console) as sweep:
        sweep.update(SweepCounts(total=40, running=1, completed=2, failed=1, best=0.75))
    assert "3/40 1 failed, best 0.7500" in text(console)


@pytest.mark.parametrize("width", [80, 100, 110, 144])
def test_no_number_of_a_sweep_is_cut_off(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True)
    with sweep_progress("demo-20261127-025113", "val/probe_top1/mean", console) as view:
        view.update(SweepCounts(16, completed=0, pruned=0))
        view.update(SweepCounts(16, completed=5, pruned=11, best=0.9843))
    last = text(console).replace("\r", "\n").strip().splitlines()[-2]
    assert " 16/16 0:00:0" in last
    assert "best " in last
    assert "0.9843" in last
    assert "…" not in last


def test_a_bar_says_what_is_done_before_the_first_trial_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(activity.VARIABLE)
    monkeypatch.setattr("hmlc_ray.api.progress._LOOK_S", 0.001)
    console = Console(file=io.StringIO(), width=80, force_terminal=True, no_color=True)
    seen: list[str] = []
    shown_twice = threading.Event()
    update = Progress.update

    def watched(self: Progress, *arguments: Any, **values: Any) -> None:
        update(self, *arguments, **values)
        seen.append(values["state"])
        if f"decoding {'x' * 30}" in values["state"]:
            shown_twice.set()

    monkeypatch.setattr(Progress, "update", watched)
    with sweep_progress("a-study", "val/x", console) as view:
        activity.doing(f"decoding {'x' * 90}")
        assert shown_twice.wait(60)
        view.update(SweepCounts(4, running=1))
    assert seen[-1].startswith("0 completed")
    assert all(len(state) <= 80 for state in seen)


def test_what_never_started_leaves_no_bar() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, no_color=True)
    with pytest.raises(ValueError, match="taken"), sweep_progress("a-study", "val/x", console):
        raise ValueError("the name is taken")
    assert "a-study" not in text(console).rpartition("\x1b[2K")[2]


def test_the_clock_counts_on_after_the_last_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    console = Console(file=io.StringIO(), width=120, force_terminal=True, no_color=True)
    monkeypatch.setattr(console, "get_time", lambda: now[0])
    with sweep_progress("a-study", "val/x", console) as view:
        now[0] += 26
        view.update(SweepCounts(2, completed=2, best=0.5))
        now[0] += 3600
    assert " 2/2 1:00:26 2 completed" in text(console)


def test_a_log_begins_with_what_is_loaded_before_anything_is() -> None:
    console = plain()
    with sweep_progress("s", "val/x", console) as progress:
        assert text(console) == "s: loading torch and Ray\n"
        progress.note("connecting to Ray")
    with sweep_progress("reap", console=plain(), first=None):
        pass
    assert text(console).splitlines() == ["s: loading torch and Ray", "s: connecting to Ray"]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("failure", [BrokenPipeError(32, "closed"), OSError(28, "No space left on device")])
def test_nobody_who_reads_ends_no_training(failure: OSError, terminal: bool) -> None:
    """A reader that is gone, as behind `| head`, a terminal that was closed, a full disk below a log."""

    class Gone(io.StringIO):
        tries = 0

        def write(self, text: str) -> int:
            if "dots" in text or self.tries:
                self.tries += 1
                raise failure
            return super().write(text)

    class Quiet(Console):
        def on_broken_pipe(self) -> None:  # rich's own closes the stdout of this process, too
            self.quiet = True
            raise SystemExit(1)

    with sweep_progress("s", "m", Quiet(file=(file := Gone()), force_terminal=terminal)) as view:
        view.note("dots")
        for done in range(3):
            view.update(SweepCounts(total=3, running=1, completed=done, best=0.5))
            view.note("refit")
    assert 1 <= file.tries < 4, "what could not be written is not written again with every line"
    with run_progress(Quiet(file=Gone(), force_terminal=terminal)) as epochs:
        epochs.note("dots")
        epochs.epoch(1, 2, {"val/probe_top1/mean": 0.5})
