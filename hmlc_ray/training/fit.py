"""fit: the training loop. It knows neither Ray nor MLflow; `report` is the one seam to both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from hmlc_ray.compute import distributed
from hmlc_ray.compute.devices import resolve_device, use_amp
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.levels import check_levels
from hmlc_ray.config.plugin_errors import exits_as_errors
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.loader import epoch_batches
from hmlc_ray.data.sampler import BatchSampler, build_sampler
from hmlc_ray.data.views import build_views, with_views
from hmlc_ray.errors import CheckpointError, first_line
from hmlc_ray.evaluation import Evaluation, evaluate
from hmlc_ray.evaluation.confusions import to_tensor
from hmlc_ray.objectives.base import LossReport
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.learner import Learner, build_learner
from hmlc_ray.training.memory import memory_errors, peak_memory, watch_memory
from hmlc_ray.training.meters import EpochMeter
from hmlc_ray.training.optimiser import build_optimiser, build_schedule, load_optimiser
from hmlc_ray.training.seeding import any_size, kernels, seed_everything, stream_seed
from hmlc_ray.training.updates import Updates

SECONDS = "time/epoch_seconds"
"""Metric: wall time of an epoch, its evaluation included."""
Report = Callable[[EpochRecord, Callable[[], Checkpoint]], None]
"""Called after every epoch, on every worker, with the record and a function that takes a snapshot of the run."""


@dataclass(frozen=True)
class FitResult:
    """A finished run."""

    learner: Learner
    data: DataSet
    checkpoint: Checkpoint
    metrics: dict[str, float]
    """The last evaluation."""
    seconds: float
    """Wall time of the loop, evaluation included, loading excluded."""


@lru_cache(maxsize=1)
def cached_data(config: DataConfig) -> DataSet:
    """The data set; the trials of a sweep that share a warm process read it once."""
    return load_data(config)


def fit(config: TrialConfig, report: Report, *, resume: Checkpoint | None = None, test: bool = False) -> FitResult:
    """Train one encoder.

    Inside an initialised process group every worker calls this with the same arguments; the objective sees the global
    batch, whatever the number of workers. Batch norm alone differs: its statistics are those of a worker's own rows.
    Metrics of the evaluation are on rank 0 only.

    Args:
        config: what to train.
        report: called after every epoch.
        resume: the checkpoint to resume from; the next epoch is `resume.epochs_done + 1`. A run that was complete is
            evaluated again.
        test: also evaluate on the test split, once, after the last epoch.

    Raises:
        ConfigError: if the configuration does not fit the data or the device.
        DataError: if the data cannot be read.
        CheckpointError: if `resume` is of another model or other data.
        NonFiniteLoss: before the update that a NaN or infinite loss would poison.
        TrainingError: if the GPU's memory is too small.

    What a plug-in raises to end the process is a ConfigError; what `report` raises stays as it is.
    """
    data = cached_data(config.data)
    check_levels(config, data.taxonomy.num_levels)
    device = resolve_device(config.training.device)
    with kernels(config.training, device), memory_errors():
        with exits_as_errors():
            run = _Run(config, data, device, test=test)
            if resume is not None:
                run.restore(resume)
        start = time.perf_counter()
        try:
            for record in run.epochs():
                run.history.append(record)
                report(record, run.snapshot)
        finally:
            run.learner.launch()
        return FitResult(run.learner, data, run.snapshot(), run.last_evaluation, time.perf_counter() - start)


def check_fits(config: TrialConfig, data: DataSet) -> None:
    """Build what a run of this configuration needs, on the CPU, and drop it: whether it fits the data shows here.

    Raises:
        ConfigError: if it does not, e.g. if a batch is too small for the sampler.
    """
    check_levels(config, data.taxonomy.num_levels)
    build_learner(config, data)
    _sampler(config, data)


def _sampler(config: TrialConfig, data: DataSet) -> BatchSampler:
    return build_sampler(
        config.training,
        data.taxonomy.paths(data.train.leaf.cpu().numpy()),
        seed=config.seed,
        rank=distributed.rank(),
        world_size=distributed.world_size(),
    )


class _Run:
    """The state of a run."""

    def __init__(self, config: TrialConfig, data: DataSet, device: torch.device, *, test: bool) -> None:
        self.config, self.data, self.device, self.test = config, data, device, test
        self.amp = use_amp(config.training.amp, self.device)
        seed_everything(stream_seed(config.seed))
        self.learner = build_learner(config, data).to(self.device)
        self.parallel = self._parallel()
        self.replayed = self.parallel is not self.learner  # DDP's all-reduce is not part of a graph
        self.shape: torch.Size | None = None
        watch_memory(self.device)
        self.views = build_views(config.views, data.train)
        self.sampler = _sampler(config, data)
        self.optimiser = build_optimiser(config.optimiser, self.learner)
        self.schedule = build_schedule(
            config.optimiser, self.optimiser, epochs=config.training.epochs, steps_per_epoch=len(self.sampler)
        )
        self.epochs_done = 0
        self.history: list[EpochRecord] = []
        self.last_evaluation: dict[str, float] = {}
        self.confusion: dict[str, dict[str, Tensor]] = {}
        self.chosen_regularisation = config.evaluation.chosen_regularisation

    def _parallel(self) -> Callable[..., LossReport]:
        if distributed.world_size() == 1:
            return self.learner
        # Objectives that read features leave the projection head without a gradient.
        return DistributedDataParallel(self.learner, find_unused_parameters=self.learner.objective.needs_features)

    def epochs(self) -> Iterator[EpochRecord]:
        total = self.config.training.epochs
        if self.epochs_done == total:
            reported = self.history.pop().metrics if self.history else {}
            yield EpochRecord(total, reported | self._evaluate(), evaluated=True)
        while self.epochs_done < total:
            start = time.perf_counter()
            self._replay()
            metrics = self._train_epoch(self.epochs_done)
            self.epochs_done += 1
            due = self.epochs_done == total or self.epochs_done % self.config.evaluation.every == 0
            if due:
                metrics |= self._evaluate()
            metrics[SECONDS] = time.perf_counter() - start
            yield EpochRecord(self.epochs_done, metrics, evaluated=due)

    @exits_as_errors()
    def _replay(self) -> None:
        """From the second epoch on, when the batches' shape is known and all kernels have been chosen."""
        if self.shape is not None and not self.replayed:
            self.learner.replay(self.shape, amp=self.amp, taken=peak_memory(self.device))
            self.replayed = True

    @exits_as_errors()
    def _train_epoch(self, epoch: int) -> dict[str, float]:
        total = self.config.training.epochs
        # Streams of their own per epoch and worker: a resumed run draws what the undisturbed one would have.
        seed_everything(stream_seed(self.config.seed, 1, epoch, distributed.rank()))
        generator = torch.Generator().manual_seed(stream_seed(self.config.seed, 2, epoch, distributed.rank()))
        self.learner.train()
        self.learner.objective.begin_epoch(epoch, total)
        self.sampler.set_epoch(epoch)
        meter = EpochMeter(self.data.taxonomy.level_names)
        updates = Updates(self.learner, self.optimiser, clip_norm=self.config.optimiser.clip_norm, epoch=epoch)
        for views, leaf, index in with_views(self._batches(), self.views, generator, self.device):
            report = self.parallel(views, leaf, index, amp=self.amp)
            norm = updates.step(report)
            self.schedule.step()
            meter.add(report, samples=len(leaf) * distributed.world_size(), gradient_norm=norm)
            self.shape = views.shape
        updates.finish()
        metrics = meter.means() | {"train/learning_rate": float(self.schedule.get_last_lr()[0])}
        return metrics | self.learner.objective.end_epoch(epoch, total)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return epoch_batches(self.data.train, self.sampler, self.device, self.data.cache)

    def _evaluate(self) -> dict[str, float]:
        """Judge the frozen features: on validation, and after the last epoch on test where that is asked for."""
        if distributed.rank() != 0:
            return {}
        with any_size():
            return self._judge()

    @exits_as_errors()
    def _judge(self) -> dict[str, float]:
        metrics: dict[str, float] = {}
        last = self.epochs_done == self.config.training.epochs
        if self.data.val is not None:
            result = evaluate(self.learner.encoder, self.data, self.config, split="val", device=self.device, full=last)
            self.chosen_regularisation = result.chosen_regularisation
            metrics |= self._noted("val", result)
        if last and self.test:
            config = self.config.with_regularisation(self.chosen_regularisation)
            result = evaluate(self.learner.encoder, self.data, config, split="test", device=self.device, full=True)
            metrics |= self._noted("test", result)
        self.last_evaluation = metrics
        return metrics

    def _noted(self, split: str, result: Evaluation) -> dict[str, float]:
        """The metrics; the confusion matrices, too large to be reported, travel with the checkpoint."""
        self.confusion[split] = {level: to_tensor(matrix) for level, matrix in result.confusion.items()}
        return result.metrics

    @exits_as_errors()
    def snapshot(self) -> Checkpoint:
        """A snapshot of the run, on the CPU."""
        return Checkpoint(
            config=self.config,
            taxonomy=self.data.taxonomy,
            epochs_done=self.epochs_done,
            metrics=self.last_evaluation,
            chosen_regularisation=self.chosen_regularisation,
            input_shape=self.data.input_shape,
            fingerprint=self.data.fingerprint,
            state=_copied(
                {
                    "learner": self.learner.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                    "schedule": self.schedule.state_dict(),
                    "rng": torch.get_rng_state(),
                    "masks": self.learner.objective.masks(),
                    "weights_prefix": self.learner.encoder.weights_prefix,
                    "confusion": {split: levels for split, levels in self.confusion.items() if levels},
                }
            ),
            history=tuple(self.history),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        if checkpoint.fingerprint != self.data.fingerprint:
            raise CheckpointError(
                "the data changed since the checkpoint was written "
                f"(fingerprint {checkpoint.fingerprint[:12]}, now {self.data.fingerprint[:12]}): start a new run"
            )
        try:
            self.learner.load_state_dict(checkpoint.state["learner"])
            load_optimiser(self.optimiser, checkpoint.state["optimiser"])
            self.schedule.load_state_dict(checkpoint.state["schedule"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint belongs to another model: {first_line(error)}") from error
        torch.set_rng_state(checkpoint.state["rng"].cpu())
        self.epochs_done = checkpoint.epochs_done
        self.history = list(checkpoint.history)
        self.last_evaluation = checkpoint.metrics
        self.chosen_regularisation = checkpoint.chosen_regularisation


def _copied(state: Any) -> Any:
    """A state dict with every tensor copied to the CPU, so that training on does not change it."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: _copied(value) for name, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state
