"""The loop, the optimiser and the judging, as configuration."""

from typing import Annotated, Literal

from pydantic import Field

from hmlc_ray.config.base import Section
from hmlc_ray.config.marks import AtMost, LevelIndex, PerLevel
from hmlc_ray.config.unions import BY_KIND

Regularisation = Annotated[float, Field(gt=0)]


class OptimiserSection(Section):
    """What both optimisers share; the schedule is linear warm-up, then cosine to zero, per step."""

    learning_rate: float = Field(gt=0, le=100)
    weight_decay: float = Field(1e-4, ge=0, le=1)
    warmup_epochs: Annotated[float, AtMost("training.epochs")] = Field(1.0, ge=0)
    clip_norm: float | None = Field(5.0, gt=0)
    """Largest L2 norm of the gradient; None: no clipping."""


class SgdConfig(OptimiserSection):
    """SGD with Nesterov momentum."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: float = Field(0.1, gt=0, le=100)
    momentum: float = Field(0.9, ge=0, lt=1)


class AdamWConfig(OptimiserSection):
    """AdamW."""

    kind: Literal["adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0, le=100)


OptimiserConfig = Annotated[SgdConfig | AdamWConfig, BY_KIND]


class TrainingConfig(Section):
    """The loop."""

    epochs: int = Field(20, ge=1)
    global_batch_size: int = Field(256, ge=2)
    """Samples per step over all workers; a step contrasts twice as many rows, two views each."""
    sampler: Literal["uniform", "class-balanced", "hierarchical"] = "uniform"
    sampler_level: Annotated[Literal["leaf"] | Annotated[int, Field(ge=0)], LevelIndex()] = "leaf"
    """The level that `class-balanced` balances."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    amp: Literal["auto", "off", "bf16"] = "auto"
    """Mixed precision of the encoder; `auto`: bf16 where the GPU has it. Losses are always float32."""
    cpu_threads: int | None = Field(None, ge=1)
    """Threads of the CPU kernels; None: one for each CPU that the process may use (affinity, cgroup quota, Slurm;
    `OMP_NUM_THREADS` where it is less). A sweep sets it to the trial's CPUs; results depend on it."""
    deterministic: bool | None = None
    """Choose deterministic kernels where there are any; None: on a CPU, and not on a GPU, where they cost speed: there
    two runs of one configuration may differ in the last digits."""


class EvaluationConfig(Section):
    """How frozen features are judged."""

    every: int = Field(5, ge=1)
    """Epochs between two evaluations; the last epoch is always evaluated. A scheduler decides at evaluations."""
    probe_regularisation: tuple[Regularisation, ...] = Field((0.01, 0.1, 1.0), min_length=1)
    """Candidates for C of the logistic regression; chosen per level on validation."""
    probe_max_iter: int = Field(300, ge=1)
    probe_max_samples: int = Field(50_000, ge=10)
    """Training rows the probe sees at most (a stratified, seeded subset)."""
    chosen_regularisation: Annotated[tuple[Regularisation, ...] | None, PerLevel()] = None
    """One C per level, chosen before: a refit has no validation split left to choose on."""
    neighbours: int = Field(20, ge=1)
    """k of the cosine kNN."""


def evaluation_of(epoch: int, every: int) -> int:
    """The evaluation that an epoch is, or waits for, counted from 1, with one after `every` so many epochs."""
    return -(-epoch // every)
