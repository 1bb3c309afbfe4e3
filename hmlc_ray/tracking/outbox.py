"""Between a Tracker and its store: writes at once, or keeps in order what the store does not take now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from hmlc_ray.errors import StoreAway, TrackingError, system_reason
from hmlc_ray.tracking.operations import CreateTrial, Operation
from hmlc_ray.tracking.spool import Spool
from hmlc_ray.tracking.writer import StoreWriter

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two attempts at a store that does not answer; each pause is twice the one before."""
Note = Callable[[str], None]


class Outbox:
    """Passes operations to the writer in their order.

    Args:
        spool: where operations wait while the store is away; None: they fail instead.
        note: called with a sentence when the store goes away, and when it is back.
    """

    def __init__(self, writer: StoreWriter, spool: Spool | None, note: Note) -> None:
        self._writer, self._spool, self._note = writer, spool, note
        self._lock = threading.RLock()
        self._pause, self._next, self._away = FIRST_PAUSE, 0.0, False
        self._reported: set[str] = set()

    @property
    def refused(self) -> Path | None:
        """The file of what the store refused for good, where there is any."""
        return self._spool.refused_file if self._spool is not None and self._spool.refused_file.exists() else None

    def put(self, operation: Operation) -> None:
        """Write an operation, or keep it.

        Raises:
            TrackingError: without a spool, if the store refuses it or is away; with one, if the disk is full.
        """
        if self._spool is None:
            self._writer.apply(operation)
            return
        with self._lock:
            if not self._spool.count:
                try:
                    self._writer.apply(operation)
                    return
                except StoreAway as error:
                    self._postpone(error)
                except TrackingError as error:  # the other trials' records must not suffer
                    self._set_aside(operation, error)
                    return
            self._keep(self._spool, operation)
            if time.monotonic() >= self._next:
                self.flush()

    def flush(self) -> bool:
        """Send what is kept, as far as the store takes it; return whether nothing is left."""
        if self._spool is None or not self._spool.count:
            return True
        with self._lock:
            count = self._spool.count
            for operation, mark in self._spool.pending():
                try:
                    self._writer.apply(operation)
                except StoreAway as error:
                    self._postpone(error)
                    return False
                except TrackingError as error:  # it must not hold up all that follow
                    self._set_aside(operation, error)
                self._spool.sent(operation, mark)
            self._pause, self._next, self._away = FIRST_PAUSE, 0.0, False
            self._note(f"the MLflow store answers again: {count} records were sent")
        return True

    def try_now(self, operation: Operation) -> None:
        """Write an operation that is not kept where the store does not take it now.

        Raises:
            TrackingError: if it does not.
        """
        with self._lock:
            if self._spool is not None and self._spool.count:
                raise StoreAway(f"the MLflow store {self._writer.uri} does not answer")
            self._writer.apply(operation)

    def send_again(self) -> None:
        """Send what was refused before; what is refused again stays aside.

        Raises:
            StoreAway: if the store does not answer.
        """
        if self._spool is not None:
            with self._lock:
                self._spool.reconsider(self._writer.apply)

    def send_pending(self, seconds: float) -> None:
        """Send all that is kept, and wait for the store as long as that.

        Raises:
            StoreAway: if it is still away, naming the folder of what is kept.
        """
        end = time.monotonic() + seconds
        while not self.flush():
            assert self._spool is not None, "without a spool nothing is kept"
            if time.monotonic() >= end:
                raise StoreAway(
                    f"the MLflow store {self._writer.uri} does not answer; {self._spool.count} records that it lacks "
                    f"are kept in {self._spool.folder}, nothing is lost"
                )
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))

    def _set_aside(self, operation: Operation, error: TrackingError) -> None:
        """Keep what the store will not take; one sentence for all of a run."""
        assert self._spool is not None
        try:
            self._spool.refuse(operation, str(error))
        except OSError as full:
            raise TrackingError(f"{error}, and {self._spool.folder} cannot keep that: {system_reason(full)}") from full
        run = f"{operation.parent}/{operation.trial_id}" if isinstance(operation, CreateTrial) else operation.run
        if run not in self._reported:
            self._reported.add(run)
            self._note(f"{error}; what it refused is kept in {self._spool.refused_file}")

    def _keep(self, spool: Spool, operation: Operation) -> None:
        try:
            spool.append(operation)
        except OSError as error:
            raise TrackingError(
                f"the MLflow store {self._writer.uri} does not answer, and {spool.folder} cannot keep what it lacks: "
                f"{system_reason(error)}"
            ) from error

    def _postpone(self, error: StoreAway) -> None:
        assert self._spool is not None
        if not self._away:
            self._note(f"{error}; what it lacks is kept in {self._spool.folder} and sent when it answers again")
        self._away = True
        self._next = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
