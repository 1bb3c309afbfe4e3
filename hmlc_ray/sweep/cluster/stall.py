"""A stalled study: trials wait for resources, and no trial has reported anything for long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hmlc_ray.config.stall import StallConfig
from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.study.progress import STALLED_FILE
from hmlc_ray.sweep.cluster.signals import interrupt
from hmlc_ray.sweep.cluster.usage import group_words, training_groups, who_holds

LEAST_S = 600.0
"""With `after: auto` no silence shorter than this is a stall."""
_EPOCHS = 10
"""With `after: auto` a stall lasts as long as so many times the longest wait for a report so far."""
_LOOK_S = 5.0
_REFIT = -1
"""No trial has this number."""
_LOG = logging.getLogger(__name__)
Left = Callable[[], tuple[int, int]]
"""Returns the number of trials that have not ended, and the number of those that have started."""


class Pulse:
    """When the trials of a study last showed a sign of life, and how long the longest wait for a report was."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._last = clock()
        self._trials: dict[int, float] = {}
        self.longest: float | None = None
        """Seconds from a trial's start, or a report, to its next report; None before the first report."""

    def started(self, trial: int) -> None:
        with self._lock:
            self._trials[trial] = self._last = self._clock()

    def reported(self, trial: int) -> None:
        with self._lock:
            now = self._clock()
            self.longest = max(self.longest or 0.0, now - self._trials.get(trial, now))
            self._trials[trial] = self._last = now

    def ended(self) -> None:
        with self._lock:
            self._last = self._clock()

    def refitting(self) -> Callable[[], None]:
        """A refit has started; what is returned is called at each of its reports."""
        self.started(_REFIT)
        return lambda: self.reported(_REFIT)

    def quiet(self) -> float:
        """Seconds since the last sign of life."""
        with self._lock:
            return self._clock() - self._last


class Watchdog:
    """Reports what a stalled study waits for, and ends the study if `study.stall` says so.

    A thread looks, because Tune's own loop can be what waits. What it says is printed, kept in a file of the study's
    folder and, by `heartbeat.beating`, in a tag of the study's run.
    """

    def __init__(
        self, stall: StallConfig, folder: Path, note: Callable[[str], None], pulse: Pulse | None = None
    ) -> None:
        self.pulse = pulse or Pulse()
        self.sentence: str | None = None
        """What the study waits for; None while it is not stalled."""
        self.ended_study = False
        """Whether the study was interrupted for it."""
        self._stall, self._folder, self._note = stall, folder, note
        self._of_driver = False
        self._least = LEAST_S if stall.after == "auto" else stall.after

    def limit(self, training: int) -> float | None:
        """Seconds of silence that are a stall while `training` trials have all that they need.

        None where there is no bound: the length of an epoch is unknown before the first was reported.
        """
        if self._stall.after != "auto":
            return self._stall.after
        if self.pulse.longest is None:
            return LEAST_S if training == 0 else None
        return max(LEAST_S, _EPOCHS * self.pulse.longest)

    @contextmanager
    def over(self, trials: TrialsConfig, left: Left, *, of_driver: bool = False) -> Iterator[None]:
        """Watch for the time of the block, which begins with a sign of life.

        Args:
            of_driver: the worker groups are the driver's own, as that of a refit.
        """
        self._of_driver = of_driver
        self._forget()
        self.pulse.ended()
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(trials, left, stop), name="hmlc-stall", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=2 * _LOOK_S)
            if not self.ended_study:
                self._forget()

    def _watch(self, trials: TrialsConfig, left: Left, stop: threading.Event) -> None:
        while not stop.wait(min(_LOOK_S, self._least / 4)):
            try:
                self.step(trials, left)
            except Exception:  # a head that does not answer; Ray's errors have no common root
                _LOG.debug("cannot look up what the study waits for", exc_info=True)

    def step(self, trials: TrialsConfig, left: Left) -> None:
        """Check whether the study is stalled or continues again, and report a change."""
        if self.pulse.quiet() < self._least:
            self._continue()
        elif self.sentence is None:
            self._look(trials, left)

    def _look(self, trials: TrialsConfig, left: Left) -> None:
        unfinished, started = left()
        training = started if trials.worker_range[0] == 0 else training_groups(of_driver=self._of_driver)
        waiting, limit, quiet = unfinished - training, self.limit(training), self.pulse.quiet()
        if waiting <= 0 or limit is None or quiet < limit:
            return
        try:
            held = who_holds()
        except Exception:  # Ray's errors have no common root, and the stall is reported all the same
            held = "the head does not say who holds what"
        self.sentence = (
            f"no trial has reported anything for {_duration(quiet)}, and {waiting} of {unfinished} trials wait for "
            f"{group_words(trials)}: {held}"
        )
        with suppress(OSError):
            write_whole(self._folder / STALLED_FILE, self.sentence)
        stop = self._stall.action == "stop"
        self._note(self.sentence + ("; the study is stopped, as study.stall.action says" if stop else ""))
        if stop:
            self.ended_study = interrupt()

    def _continue(self) -> None:
        if self.sentence is not None and not self.ended_study:
            self._forget()
            self._note("the study continues")

    def _forget(self) -> None:
        self.sentence = None
        with suppress(OSError):
            (self._folder / STALLED_FILE).unlink(missing_ok=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
