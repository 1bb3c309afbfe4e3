"""The driver of a study: Tune, then the refit, then the summary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import ray
import ray.tune

from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.errors import StoreAway, StudyError
from hmlc_ray.machine.activity import noted
from hmlc_ray.machine.environment import seconds_of
from hmlc_ray.runs.recording import data_tags, log_taxonomy, plugin_tags
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import best_row, rows_of, trial_runs
from hmlc_ray.study.progress import forget_driven
from hmlc_ray.study.resuming import taken_over
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import SweepSummary, TrialRow
from hmlc_ray.sweep.cluster.capacity import driver_cpus, nodes_of
from hmlc_ray.sweep.cluster.demand import concurrency, refit_trials
from hmlc_ray.sweep.cluster.gpus import idle_gpus
from hmlc_ray.sweep.cluster.signals import raise_if_interrupted, tuning, unbroken
from hmlc_ray.sweep.cluster.stall import Watchdog
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.finish import Conclusion, conclude_study, judge_best, refit_best
from hmlc_ray.sweep.outcome.pictures import drawn_beside
from hmlc_ray.sweep.outcome.publish import Ended, describe_started, publish
from hmlc_ray.sweep.prepare import base_data, objective_kinds, plugins_of_trials
from hmlc_ray.sweep.tune.optuna_reopen import ended_without_run, report_ended
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.patches import changed_tune
from hmlc_ray.sweep.tune.recorder import Earlier, SweepSession, activate
from hmlc_ray.sweep.tune.retention import Retention
from hmlc_ray.sweep.tune.tuner import build_tuner, restore_tuner
from hmlc_ray.tracking import TrialRun
from hmlc_ray.tracking.drivers import identity

STORE_WAIT = "HMLC_STORE_WAIT"
"""Environment: the seconds that the end of a study waits for an MLflow store that is away."""


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; its state is saved and its runs are marked KILLED."""


class Driver:
    """Runs one study; Ray is connected.

    Raises:
        ClusterError: if the cluster cannot hold a single trial, or the refit.
    """

    def __init__(self, context: StudyContext, watchdog: Watchdog) -> None:
        self._context, self._tracker, self._progress = context, context.tracker, context.progress
        self._resume = context.resume_command
        sweep = context.sweep
        nodes = nodes_of(sweep.trials)
        self._concurrency = concurrency(sweep, nodes, driver_cpus())
        if (idle := idle_gpus(sweep, nodes, self._concurrency)) is not None:
            self._progress.note(idle)
        self._watchdog = watchdog
        self._trials = TrialStorage(sweep.study, context.home)
        self._reported: set[int] = set()

    def start(self) -> SweepSummary:
        """Run a new study."""
        return self._run(lambda: build_tuner(self._context, self._concurrency))

    def resume(self, *, retry: bool = False) -> SweepSummary:
        """Resume a study. If its driver was killed before Tune's first snapshot, only Optuna's trials are left.

        With `retry` resume trials that Tune knows as failed, too; those that MLflow knows as failed stay failed.
        """

        def restored() -> ray.tune.Tuner:
            tuner = restore_tuner(self._context, retry=retry)
            return tuner or build_tuner(self._context, self._concurrency)

        return self._run(restored)

    def _run(self, make_tuner: Callable[[], ray.tune.Tuner]) -> SweepSummary:
        parent: str | None = None
        try:
            tuner = make_tuner()
            parent = self._open_parent()
            raise_if_interrupted()
            with self._tracker.system_metrics(parent):
                self._tune(tuner, parent)
            self._send_pending()
            self._refuse_deleted(parent)
            raise_if_interrupted()
            summary = self._conclude(parent)
        except KeyboardInterrupt as interrupt:
            self._close(parent, interrupt)
            raise self._interrupted() from None
        except BaseException as error:
            self._close(parent, error)
            raise
        self._close(parent, None)
        try:
            self._send_pending()
        except KeyboardInterrupt:
            raise self._interrupted() from None
        return summary

    def _interrupted(self) -> SweepInterrupted:
        why = "the study was stalled and has been stopped" if self._watchdog.ended_study else "interrupted"
        return SweepInterrupted(f"{why}; everything is saved: resume it with `{self._resume}`")

    def _send_pending(self) -> None:
        """Send everything to the store: the study's end is read from it, and so is what readers see later."""
        try:
            self._tracker.send_pending(store_wait())
        except StoreAway as error:
            raise StoreAway(f"{error}; when it is back, `{self._resume}` sends them and ends the study") from error

    def _refuse_deleted(self, parent: str) -> None:
        """Make sure that the study's run was not deleted: its end is read from that run and from those below it."""
        if self._tracker.is_active(parent):
            return
        name, remedy = self._context.name, self._tracker.restore_command(parent)
        raise StudyError(
            f"the run of study {name!r} was deleted in MLflow while its trials ran; they are done and nothing "
            f"is lost: restore it with `{remedy}`, then `{self._resume}` sends what it lacks and ends the study"
        )

    def _missing(self, parent: str, runs: list[TrialRun]) -> dict[int, TrialStatus]:
        """Report which trials' runs were deleted, given those that exist; return how the trials without a run ended."""
        gone = ended_without_run(self._trials, runs)
        deleted = {
            int(run.trial_id): run.run_id for run in self._tracker.deleted_children(parent) if run.trial_id.isdecimal()
        }
        for number in sorted(gone.keys() - self._reported):
            why = "has no run in MLflow any more"
            if number in deleted:
                why = f"its run was deleted in MLflow (`{self._tracker.restore_command(deleted[number])}` restores it)"
            self._progress.note(f"trial {number} was {gone[number]}, but {why}: the study continues without it")
        for number in sorted(deleted.keys() - gone.keys() - self._reported - {int(run.trial_id) for run in runs}):
            self._progress.note(f"the run of trial {number} was deleted in MLflow: the trial continues in a new one")
        self._reported |= gone.keys() | deleted.keys()
        return gone

    def _open_parent(self) -> str:
        study, data = self._context.study, self._context.data
        parent = self._tracker.study_run(
            study.name,
            tags={
                schema.DATA_FINGERPRINT: data.fingerprint,
                schema.SEED: study.seed,
                schema.DATA: data_name(base_data(self._context.sweep)),
                schema.OBJECTIVE: ", ".join(objective_kinds(self._context.sweep)),
                **({schema.PARENT: study.parent_run} if study.parent_run else {}),
                **data_tags(data, "auto" if self._context.sweep.trials.resources.gpus else "cpu"),
                **plugin_tags(plugins_of_trials(self._context.sweep)),
            },
            params={f"study.{name}": value for name, value in study.model_dump(mode="json").items()},
            experiment=study.experiment,
        )
        self._tracker.set_tags(parent, {schema.DRIVER: identity()})  # the one before may be dead
        self._tracker.reopen(parent)
        taken_over(study.name, self._context.home)
        self._tracker.log_dict(parent, self._context.sweep.model_dump(mode="json"), schema.SWEEP_ARTIFACT)
        log_taxonomy(self._tracker, parent, base_data(self._context.sweep), self._context.data.taxonomy)
        self._tracker.check_artifacts(parent)
        describe_started(self._context, parent)
        return parent

    def _close(self, parent: str | None, error: BaseException | None) -> None:
        """End the parent run, where it is opened, and whatever else is still RUNNING: nobody trains it any more.

        A signal that comes meanwhile changes nothing: what ended the study is what its caller learns.
        """
        if parent is None:
            return
        with unbroken():
            self._end(parent, error)

    def _end(self, parent: str, error: BaseException | None) -> None:
        forget_driven(self._context.folder)
        # While the store is away it cannot be asked; a resume will end them.
        with suppress(StoreAway):
            self._tracker.send_pending()
            for run in self._tracker.unfinished(parent):
                self._tracker.finish(run.run_id, "KILLED")
        if error is None:
            self._tracker.finish(parent, "FINISHED")
        elif isinstance(error, KeyboardInterrupt):
            self._tracker.finish(parent, "KILLED", {schema.STALLED: self._watchdog.sentence or ""})
        else:
            self._tracker.finish(parent, "FAILED", {schema.ERROR: f"{type(error).__name__}: {error}"})

    def _tune(self, tuner: ray.tune.Tuner, parent: str) -> None:
        context, runs = self._context, trial_runs(self._tracker, parent)
        self._retention = Retention.of(context.sweep, context.results, self._tracker, parent)
        earlier = Earlier(runs, self._missing(parent, runs))
        session = SweepSession(context, parent, self._retention, earlier, self._watchdog.pulse)
        activate(session)
        try:
            with (
                tuning(),
                changed_tune(context.results.uri),
                self._watchdog.over(context.sweep.trials, session.left),
            ):
                tuner.fit()
            session.look_on(last=True)
        finally:
            activate(None)
        # Tune handles the first Ctrl-C itself: it saves its state, stops the trials and returns.
        if session.unfinished():
            raise KeyboardInterrupt

    def _refit(self, trials: TrialsConfig, best: TrialRow, parent: str) -> Conclusion:
        self._progress.note(f"refit: trial {best.number} on train + validation")
        with self._watchdog.over(trials, lambda: (1, 1), of_driver=True):
            return refit_best(self._context, trials, best, parent, self._watchdog.pulse.refitting())

    def _judged(self, best: TrialRow, parent: str) -> Conclusion | None:
        """The study's encoder, judged on test; None: nothing is to be judged there."""
        study, group = self._context.study, refit_trials(self._context.sweep)
        if study.test != "best":
            return None
        if group is not None:
            conclusion = self._refit(group, best, parent)
        else:
            with noted("judging the best trial on the test split", self._progress.note):
                conclusion = judge_best(self._context, best)
        conclude_study(self._tracker, parent, study, best, conclusion)
        return conclusion

    def _conclude(self, parent: str) -> SweepSummary:
        study = self._context.study
        runs = trial_runs(self._tracker, parent)
        self._missing(parent, runs)
        if self._tracker.refused is not None:
            self._progress.note(
                f"what the MLflow store refused is kept in {self._tracker.refused}; where its run was deleted and is "
                f"restored, `{self._resume}` sends it"
            )
        rows = rows_of(runs, study)
        report_ended(self._trials, rows)
        best = best_row(rows, study)
        with drawn_beside(self._context, rows, runs) as drawing:
            conclusion = None if best is None else self._judged(best, parent)
            publish(self._context, parent, Ended(rows, runs, best, conclusion), drawing)
        return SweepSummary(
            study=study.name,
            objective_metric=study.objective_metric,
            mode=study.mode,
            rows=rows,
            best=best,
            test_metrics=conclusion.test_metrics if conclusion else None,
            level_names=self._context.data.taxonomy.level_names,
            tracking_uri=self._tracker.uri,
            export_dir=conclusion.export if conclusion else None,
            checkpoints=self._retention.conclude(parent),
        )


def store_wait() -> float:
    """Seconds.

    Raises:
        ConfigError: if the environment's value is not a number.
    """
    return seconds_of(STORE_WAIT, 60.0)
