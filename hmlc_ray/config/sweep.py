"""SweepConfig: a study, the trials' resources, the base configuration and the search space."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hmlc_ray.config.base import Section
from hmlc_ray.config.levels import check_trial
from hmlc_ray.config.load import refuse_suite
from hmlc_ray.config.marks import DefaultFor
from hmlc_ray.config.metrics import check_metric
from hmlc_ray.config.paths import Overrides, get_path
from hmlc_ray.config.plain import Source, values_of
from hmlc_ray.config.profiles import overlay
from hmlc_ray.config.samplers import SamplerConfig, TpeConfig
from hmlc_ray.config.schema import with_default_kinds
from hmlc_ray.config.space import POINT, SearchSpace
from hmlc_ray.config.space_check import check_space
from hmlc_ray.config.stall import StallConfig
from hmlc_ray.config.start import StartConfig, check_start
from hmlc_ray.config.storage import check_results, check_trials
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate, with_tuples
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.counts import are, many
from hmlc_ray.names.levels import composed
from hmlc_ray.names.studies import ALLOWED, MAX_LENGTH, PATTERN


class AshaConfig(Section):
    """ASHA (arXiv 1810.05934): stops the worse trials early. Its budget is counted in evaluations."""

    kind: Literal["asha"] = "asha"
    grace_period: int = Field(1, ge=1)
    """Evaluations before a trial can be stopped."""
    reduction_factor: float = Field(3, gt=1, le=100)
    """At each rung one trial in this many continues."""


SchedulerConfig = AshaConfig
"""With several kinds: `Annotated[AshaConfig | OtherConfig, BY_KIND]`."""


class RefitConfig(Section):
    """Train the best configuration again on train + validation, and judge it once on test."""

    workers: int = Field(1, ge=1)
    """Ray Train workers."""


def _results(uri: str) -> str:
    return check_results(uri, "study.storage")


def _trials(uri: str) -> str:
    return check_trials(uri, "study.optuna_storage")


class StudyConfig(Section):
    """The objective metric of the search, its budget and its samplers."""

    name: str = Field(pattern=PATTERN, max_length=MAX_LENGTH, json_schema_extra={"allowed": ALLOWED})
    """The study's name in every store; a sweep refuses one that is taken."""
    num_trials: int = Field(20, ge=1)
    objective_metric: Annotated[str, AfterValidator(composed)] = "val/probe_top1/mean"
    """`val/probe_top1/...` or `val/knn_top1/...`, then `mean` (over levels), `leaf` or the name of a level."""
    mode: Literal["max", "min"] = "max"
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of the sampler; a trial's own seed is `seed` of its configuration."""
    sampler: SamplerConfig = Field(default_factory=TpeConfig)
    scheduler: Annotated[SchedulerConfig | None, DefaultFor(AshaConfig)] = None
    """None: every trial runs to its end."""
    refit: RefitConfig | None = None
    """None: the best trial's own encoder is the result."""
    test: Literal["best", "every", "none"] = "best"
    """Which trials are judged on the test split: the best one at the study's end, whose encoder is exported; `every`
    one after its last epoch, where all choices were made before, and none is exported; or none."""
    experiment: str | None = Field(None, pattern=PATTERN, max_length=MAX_LENGTH, json_schema_extra={"allowed": ALLOWED})
    """The MLflow experiment of the study's runs, made where there is none; a study that has runs stays where they are.
    None: one that is named after the data set, its folder or its file."""
    parent_run: str | None = Field(None, min_length=1)
    """The MLflow run below which the study's run is shown; None: none."""
    stall: StallConfig = Field(default_factory=StallConfig)
    start: StartConfig = Field(default_factory=StartConfig)
    storage: Annotated[str, AfterValidator(_results)] | None = None
    """Location of checkpoints and Ray's state: an absolute path that every node has, or `s3://BUCKET/PREFIX`. None:
    what `HMLC_STORAGE` says, else the home folder."""
    optuna_storage: Annotated[str, AfterValidator(_trials)] | None = None
    """Storage of Optuna's trials: `sqlite:////PATH`, `journal:///PATH` or `postgresql://USER@HOST/DATABASE` without a
    password. None: what `HMLC_OPTUNA_STORAGE` says, else the home folder."""

    @model_validator(mode="before")
    @classmethod
    def _default_kinds(cls, values: Any) -> Any:
        return with_default_kinds(cls, values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _refit_is_the_best(self) -> Self:
        if self.refit is not None and self.test != "best":
            raise ValueError(f"study.refit trains the best trial again, so study.test must be best, got {self.test}")
        return self


class Resources(Section):
    """Resources of one worker, or of a trial without workers."""

    cpus: float = Field(1, gt=0)
    gpus: float = Field(0, ge=0)
    """0: the trial sees no GPU and trains on the CPU. A share, 0.5 say, lets trials share a GPU; a worker trains on one
    GPU."""


class CheckpointsConfig(Section):
    """What is kept of the checkpoints of trials that have ended; failed and interrupted ones keep theirs."""

    keep: str = Field(
        "final", pattern=r"^(all|final|best-[1-9]\d{0,5})$", json_schema_extra={"allowed": "all, final or best-K"}
    )
    """`final`: a trial's last one, in its MLflow run; `best-K`: that of the best K completed trials; `all`: also the
    last two of every trial where it trained."""


class TrialsConfig(Section):
    """Where and how trials run."""

    workers: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[1-9]\d*:[1-9]\d*$")] = Field(
        0, json_schema_extra={"allowed": "an integer of at least 0, or a range like 1:4"}
    )
    """0: in the warm trial process; N: a Ray Train group of N; `min:max`: an elastic group."""
    resources: Resources = Field(default_factory=Resources)
    retries: int = Field(1, ge=0)
    """Failures of a trial before it is given up; each retry resumes from its last checkpoint."""
    max_concurrent: int | None = Field(None, ge=1)
    """Trials at once; None: as many as the cluster holds."""
    scales_to: Resources | None = None
    """All that an autoscaling cluster can grow to, where Ray itself does not know; None: what it has now, or knows."""
    checkpoints: CheckpointsConfig = Field(default_factory=CheckpointsConfig)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.worker_range
        if low > high:
            raise ValueError(f"trials.workers must not have a minimum above its maximum, got {self.workers}")
        return self

    @property
    def worker_range(self) -> tuple[int, int]:
        """(min, max); (0, 0) where trials train in their own process."""
        low, _, high = str(self.workers).partition(":")
        return int(low), int(high or low)


def space_of_points(count: int) -> dict[str, Any]:
    """The search space over so many listed points."""
    return {POINT: {"int": (0, count - 1)}}


class SweepConfig(Section):
    """A search-space file. `load_sweep` makes one that is checked as a whole."""

    study: StudyConfig
    trials: TrialsConfig = Field(default_factory=TrialsConfig)
    base: dict[str, Any] = Field(default_factory=dict)
    """A partial TrialConfig: what all trials share."""
    space: dict[str, Any] = Field(
        min_length=1, json_schema_extra={"allowed": "a non-empty mapping of paths to dimensions"}
    )
    """Path to dimension, or section to branches; see `docs/configuration.md`."""
    points: tuple[dict[str, Any], ...] = ()
    """Trials that are listed instead of searched, in this order: partial trials, whose sections replace those of
    `base`. `space` is then `{point: {int: [0, N - 1]}}` for N points."""

    @model_validator(mode="after")
    def _points_are_the_space(self) -> Self:
        count = len(self.points)
        if self.points and with_tuples(self.space) != space_of_points(count):
            raise ValueError(
                f"space must be {{point: {{int: [0, {count - 1}]}}}} where {many(count, 'point')} {are(count)} listed"
            )
        return self

    def search_space(self, source: str = "search space") -> SearchSpace:
        """The parsed space; `source` is what its errors begin with."""
        return SearchSpace.parse(self.space, self.base, source, self.points)

    def base_trial(self) -> TrialConfig:
        """The base, with every dimension at its first value and every section at its first kind."""
        return self.search_space().first()


def load_sweep(path: Source, overrides: Overrides = (), profile: str | None = None) -> SweepConfig:
    """Read and check a search space.

    Args:
        path: a YAML file, the name of a search space of the package, or its values.
        overrides: any key of the file (`study.num_trials=3`), or a key of the trial (`data.root=x`, the same as
            `base.data.root=x`).
        profile: the name of an entry under the file's `profiles`, whose values are laid over the others first.

    Raises:
        ConfigError: naming file, path, value and what is allowed.
        DataError: if the number of levels is needed and the image folder is missing or empty.
    """
    values, source = values_of(path)
    refuse_suite(values, source)
    values = overlay(SweepConfig, values, source, overrides, profile)
    sweep = validate(SweepConfig, values, source)
    check_sweep(sweep, source)
    return sweep


def check_sweep(sweep: SweepConfig, source: str = "search space") -> None:
    """Check all that a sweep can be made of; see `check_space`.

    Raises:
        ConfigError: see `load_sweep`.
        DataError: see `load_sweep`.
    """
    workers = sweep.trials.worker_range[1]
    if get_path(sweep.base, "data.train_on") == "train+val":
        raise ConfigError(
            f"{source}: data.train_on is train+val, but a sweep compares its trials on the validation split"
        )

    _check_shares(sweep, source)

    def check(config: TrialConfig) -> None:
        if config.training.device == "cuda" and sweep.trials.resources.gpus == 0:
            raise ConfigError(
                "training.device is cuda, but trials.resources.gpus is 0, so no trial is given a GPU; set "
                "trials.resources.gpus to 1 or a share of one, or training.device to auto or cpu"
            )
        if config.training.global_batch_size < 2 * workers:
            raise ConfigError(
                f"training.global_batch_size ({config.training.global_batch_size}) must be at least 2 for each of "
                f"{workers} workers (trials.workers)"
            )

    space = sweep.search_space(source)
    _refuse_searched_data(space, source)
    for index, point in enumerate(sweep.points):
        if "data" in point:
            raise ConfigError(f"{source}: points[{index}] has data: give it in base, and run a study per data set")
        config = space.assemble({}, {POINT: index}, f"{source}: points[{index}]")
        check_trial(config)
        check(config)
    if not sweep.points:
        check_space(space, check)
    check_start(space, sweep.study.start, source)
    check_metric(sweep.study.objective_metric, space.first().data, f"{source}: study.objective_metric")


def _check_shares(sweep: SweepConfig, source: str) -> None:
    gpus, refit = sweep.trials.resources.gpus, sweep.study.refit
    if gpus > 1 and not gpus.is_integer():
        raise ConfigError(
            f"{source}: trials.resources.gpus must be a share of one GPU, up to 1, or a whole number, got {gpus:g}"
        )
    groups = {"trials.workers": sweep.trials.worker_range[1], "study.refit.workers": refit.workers if refit else 0}
    for key, workers in groups.items():
        if 0 < gpus < 1 and workers > 1:  # NCCL: "Duplicate GPU detected"
            raise ConfigError(
                f"{source}: trials.resources.gpus is {gpus:g}, but the {workers} workers of {key} cannot share a GPU; "
                f"set trials.resources.gpus to 1 (or 0), or {key} to 1"
            )


def _refuse_searched_data(space: SearchSpace, source: str) -> None:
    """Trials on other data, splits or trees have other validation metrics, which no ranking may compare."""
    branches = [path for branch in space.branches.values() for paths in branch.values() for path in paths]
    for path in (*space.branches, *space.shared, *branches):
        if path == "data" or path.startswith("data."):
            raise ConfigError(
                f"{source}: space.{path}: data cannot be searched; give it in base, and run a study per data set"
            )
