"""The one writer of a sweep's runs: Tune's events on one side, MLflow and the progress view on the other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray.tune
from ray.tune.experiment import Trial as TuneTrial

from hmlc_ray.config.dimensions import readable
from hmlc_ray.config.paths import flatten
from hmlc_ray.config.rungs import rungs
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import CheckpointError, error_sentence
from hmlc_ray.names.counts import many
from hmlc_ray.runs.describing import searched_first, searched_table
from hmlc_ray.runs.recording import log_checkpoint, run_tags
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import best_so_far, evaluations_of, rank, rows_of, trial_runs, used_up
from hmlc_ray.study.progress import StatusSnapshot, StatusWriter
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.storage import Results, fetched
from hmlc_ray.study.summary import BestSoFar
from hmlc_ray.sweep.cluster.signals import end_tuning
from hmlc_ray.sweep.cluster.stall import Pulse
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.train.failure import reason_of
from hmlc_ray.sweep.train.params import KEYS
from hmlc_ray.sweep.train.result import WARNING, status_of
from hmlc_ray.sweep.tune.retention import EndedTrial, Retention
from hmlc_ray.tracking import TrialRun


@dataclass(frozen=True)
class Earlier:
    """What earlier drivers of a study left."""

    runs: Sequence[TrialRun]
    """The runs of its trials."""
    gone: Mapping[int, TrialStatus] = field(default_factory=dict)
    """Outcomes of trials whose runs were deleted."""


class SweepSession:
    """The one writer of a sweep's MLflow runs. Every call is idempotent: after a restore Tune repeats events.

    Tune's snapshot lags behind, so a restored Tune may also resume a trial that had ended before its driver was
    killed. What such a trial does again is ignored, and `AlreadyEnded` stops it: its outcome is in Optuna and MLflow.
    """

    def __init__(
        self,
        context: StudyContext,
        parent: str,
        retention: Retention,
        earlier: Earlier | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        """`parent` is the study's run; `earlier` is looked up if it is None; `pulse` learns of every sign of life."""
        study, tracker = context.study, context.tracker
        self._study, self._tracker, self._parent = study, tracker, parent
        self._fingerprint, self._progress, self._retention = context.data.fingerprint, context.progress, retention
        self._dataset = context.dataset
        self._rungs: dict[int, list[int]] = {}
        self._pulse = pulse or Pulse()
        self._runs: dict[int, str] = {}
        earlier = earlier or Earlier(trial_runs(tracker, parent))
        rows = rows_of(earlier.runs, study)
        self._known = {row.number for row in rows}
        self._states = {row.number: row.status for row in rows if row.status.has_ended} | dict(earlier.gone)
        self._counts = Counter(self._states.values())
        self._interrupted = self._known - self._states.keys()
        self.ended_before = frozenset(self._states)
        self.seen_before = evaluations_of(tracker, earlier.runs, study) if study.scheduler else {}
        """The searched metric's values that earlier drivers logged, by trial and by evaluation, counted from 1."""
        self._best = best_so_far(rows, study)
        self._total = used_up(tracker.run(parent)) or study.num_trials
        self._status_writer = StatusWriter(tracker, parent, context.folder, study.objective_metric)
        self._status_writer.update(self._snapshot())

    def started(self, number: int, config: TrialConfig, searched: dict[str, Any]) -> None:
        if number in self.ended_before:
            return
        run_id = self._tracker.trial_run(
            self._parent,
            str(number),
            name=f"{self._study.name}-{number:04d} {config.objective.kind}",
            params=searched_first(flatten(config), searched),
            tags={
                **run_tags(config, self._fingerprint),
                schema.SEARCHED: json.dumps(searched),
                schema.DESCRIPTION: searched_table(readable(searched)),
            },
            dataset=self._dataset,
        )
        if number in self._known:
            self._tracker.reopen(run_id)
        self._known.add(number)
        self._runs[number] = run_id
        self._rungs[number] = rungs(self._study.scheduler, config.training.epochs, config.evaluation.every)
        self._interrupted.discard(number)
        self._note(number, TrialStatus.RUNNING)
        self._pulse.started(number)
        self._show()

    def has_started(self, number: int) -> bool:
        """Whether this driver has started the trial."""
        return number in self._runs

    def reported(self, number: int, result: dict[str, Any]) -> None:
        if number in self.ended_before:
            return
        self._pulse.reported(number)
        self._tracker.log(self._runs[number], [(entry["epoch"], entry["metrics"]) for entry in result["history"]])
        if WARNING in result:
            self._progress.note(f"trial {number}: {result[WARNING]}")
            self._tracker.set_tags(self._runs[number], {schema.CHECKPOINT_ERROR: result[WARNING]})
        self._retention.prune()
        self._show()

    def ended(self, number: int, result: dict[str, Any], checkpoint: ray.tune.Checkpoint | None) -> None:
        """A trial ended without an error: it was completed, or the scheduler pruned it."""
        if number in self.ended_before:
            return
        status = status_of(result)
        value = float(result[self._study.objective_metric])
        if status == TrialStatus.COMPLETED:
            self._best = self._better(BestSoFar(number, value, self._runs[number]))
        folder = str(Path(checkpoint.path).parent) if checkpoint is not None else None
        trial = EndedTrial(number, status, value, self._runs[number], folder)
        logged = self._log(trial.run_id, checkpoint) if self._retention.admits(trial) else {}
        outcome = {
            schema.STATUS: status.tag,
            schema.VALUE: repr(value),
            schema.EPOCHS: result["epoch"],
            schema.SECONDS: f"{result['time_total_s']:.3f}",
            **self._reached(number, result["epoch"]),
            **({schema.CHECKPOINT_FOLDER: folder} if folder else {}),
            **logged,
        }
        self._tracker.finish(trial.run_id, "FINISHED", outcome)
        self._retention.ended(trial, int(logged.get(schema.CHECKPOINT_BYTES, 0)))
        self._note(number, status)
        self._pulse.ended()
        self._show()

    def _reached(self, number: int, epochs: int) -> dict[str, int]:
        """The tag of the rungs that a trial has reached; none without a scheduler."""
        if self._study.scheduler is None:
            return {}
        return {schema.RUNG: sum(epochs >= epoch for epoch in self._rungs[number])}

    def _log(self, run_id: str, checkpoint: ray.tune.Checkpoint | None) -> dict[str, Any]:
        """Log a trial's last checkpoint and return its size, or why it is missing: that does not fail the trial."""
        if checkpoint is None:
            return {}
        try:
            with fetched(checkpoint.path, checkpoint.filesystem) as folder:
                log_checkpoint(self._tracker, run_id, folder)
                return {
                    schema.CHECKPOINT_BYTES: sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                }
        except (CheckpointError, OSError) as error:
            sentence = error_sentence(error)
            self._progress.note(f"the last checkpoint of a trial cannot be kept: {sentence}")
            return {schema.CHECKPOINT_ERROR: sentence}

    def failed(self, number: int, error: str) -> None:
        if number in self.ended_before:
            return
        self._tracker.finish(self._runs[number], "FAILED", {schema.ERROR: error})
        self._note(number, TrialStatus.FAILED)
        self._pulse.ended()
        self._show()

    def space_is_used_up(self, trials: int) -> None:
        """Every point of the search space has been drawn: the study ends with the trials that there are."""
        self._total = trials
        self._tracker.set_tags(self._parent, {schema.SPACE_USED_UP: trials})
        self._progress.note(
            f"every point of the search space is drawn: the study ends with {many(trials, 'trial')} instead of "
            f"{self._study.num_trials}"
        )
        self._show()

    def unfinished(self) -> bool:
        """Whether fewer trials ended than the study has."""
        return self.left()[0] > 0

    def left(self) -> tuple[int, int]:
        """How many trials have not ended, and how many of them have started; asked from any thread."""
        running = self._counts[TrialStatus.RUNNING]
        return self._total - (len(self._states) - running), running

    def look_on(self, *, last: bool = False) -> None:
        """Publish the status of the trials for readers; to be called often, and at the end with `last`."""
        self._status_writer.flush(last=last)

    def _better(self, other: BestSoFar) -> BestSoFar:
        if self._best is None:
            return other
        return max(self._best, other, key=lambda best: rank(self._study.mode, best.value, best.number))

    def _note(self, number: int, status: TrialStatus) -> None:
        """Counted as it changes: a study of thousands of trials has several changes for each."""
        if number in self._states:
            self._counts[self._states[number]] -= 1
        self._states[number] = status
        self._counts[status] += 1

    def _show(self) -> None:
        snapshot = self._snapshot()
        self._progress.update(snapshot.counts)
        self._status_writer.update(snapshot)

    def _snapshot(self) -> StatusSnapshot:
        return StatusSnapshot.of(self._counts, total=self._total, interrupted=len(self._interrupted), best=self._best)


_active: SweepSession | None = None


def activate(session: SweepSession | None) -> None:
    """Set the session that the callback of this process speaks to."""
    global _active
    _active = session


def active() -> SweepSession:
    """The session that was set."""
    assert _active is not None, "Tune runs a study only inside a driver's session"
    return _active


def ended_before() -> frozenset[int]:
    """The numbers of trials that ended under earlier drivers; none outside of a driver's session."""
    return _active.ended_before if _active else frozenset()


class SessionCallback(ray.tune.Callback):  # type: ignore[misc]
    """Tune's events, handed to the active session. Tune pickles callbacks into its snapshot, so this holds nothing."""

    def on_step_begin(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        end_tuning()
        active().look_on()

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        _start(trial)

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **info: Any
    ) -> None:
        if "history" in result:  # the mark of a trial's end that Tune adds has none
            active().reported(number_of(trial), result)

    def on_trial_complete(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        active().ended(number_of(trial), trial.last_result, last_checkpoint(trial))

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        if not active().has_started(number_of(trial)):
            _start(trial)  # its process or node was lost before that
        active().failed(number_of(trial), reason_of(trial))


class AlreadyEnded(ray.tune.Stopper):  # type: ignore[misc]
    """Stops a trial at its first report if it had ended before this driver started."""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return result["config"]["number"] in active().ended_before

    def stop_all(self) -> bool:
        return False


def last_checkpoint(trial: TuneTrial) -> ray.tune.Checkpoint | None:
    """A trial's last checkpoint: Tune's own, or the one that nested Ray Train wrote to the same storage."""
    if trial.checkpoint is not None:
        return trial.checkpoint
    path, storage = trial.last_result.get("checkpoint_path"), trial.storage
    if not path:
        return None
    results = Results(str(storage.storage_fs_path))
    return ray.tune.Checkpoint(
        results.followed(path, storage.experiment_dir_name), filesystem=storage.storage_filesystem
    )


def _start(trial: TuneTrial) -> None:
    searched = {name: value for name, value in trial.config.items() if name not in (*KEYS, "number", "test")}
    active().started(number_of(trial), TrialConfig.model_validate(trial.config["trial"]), searched)


def number_of(trial: TuneTrial) -> int:
    """A trial's number in its study: unlike Tune's id, it lasts."""
    return int(trial.config["number"])
