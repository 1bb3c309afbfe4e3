"""Reading a suite, and whether all of it can run and is fair, found out before any of it runs."""

from __future__ import annotations

from hmlc_ray.config.load import is_suite
from hmlc_ray.config.metrics import check_metric
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import Overrides, parse_overrides
from hmlc_ray.config.plain import Source, values_of
from hmlc_ray.config.space_check import check_space
from hmlc_ray.config.suite import ArmConfig, DataEntry, SuiteConfig, has_key, where
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError, DataError
from hmlc_ray.names.counts import many
from hmlc_ray.names.nearest import nearest


def load_suite(path: Source, overrides: Overrides = ()) -> SuiteConfig:
    """Read and check a suite.

    Args:
        path: a YAML file, the name of a suite of the package, or its values.
        overrides: laid over it, such as `benchmark.tuning.trials=2`.

    Raises:
        ConfigError: naming file, path, value and what is allowed.
    """
    values, source = values_of(path, suites_first=True)
    if "study" in values and not is_suite(values):
        raise ConfigError(
            f"{source} is a search space, which `hmlc sweep` runs; a suite is needed here, with benchmark and arms"
        )
    values = apply_overrides(SuiteConfig, values, parse_overrides(overrides))
    for section, model in (("data", DataEntry), ("arms", ArmConfig)):
        entries = values.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            validate(model, {} if entry is None else entry, f"{source}: {section}.{name}")
        if isinstance(entries, dict):
            values[section] = {name: {} if entry is None else entry for name, entry in entries.items()}
    suite = validate(SuiteConfig, values, source)
    check_suite(suite, source)
    return suite


def check_suite(suite: SuiteConfig, source: str = "suite") -> None:
    """Check all that a suite can run; data need not be on this machine.

    Raises:
        ConfigError: see `load_suite`.
    """
    _check_baseline(suite, source)
    _check_budget(suite, source)
    for data in suite.data:
        for arm in suite.arms:
            config, space = suite.config(data, arm, source), suite.search_space(data, arm, source)
            _refuse_other_device(config, suite, where(source, data, arm))
            try:
                check_space(space)
                check_metric(suite.benchmark.objective_metric, config.data, f"{source}: benchmark.objective_metric")
            except DataError:  # levels that only the data knows; it need not be here
                continue
    _check_fronts(suite, source)


def _check_baseline(suite: SuiteConfig, source: str) -> None:
    baseline = suite.benchmark.baseline
    if baseline not in suite.arms:
        raise ConfigError(
            f"{source}: benchmark.baseline is {baseline!r}, which is not an arm{nearest(baseline, suite.arms)}; the "
            f"arms are {', '.join(suite.arms)}"
        )


def _check_budget(suite: SuiteConfig, source: str) -> None:
    """Every arm is trained and tuned for as long as the others are."""
    trials = suite.benchmark.tuning.trials
    for name, arm in suite.arms.items():
        for key in ("epochs", "global_batch_size"):
            if key in arm.training:
                raise ConfigError(
                    f"{source}: arms.{name}.training.{key}: all arms have the same; give it in base or under data"
                )
        if "kind" in arm.data:
            raise ConfigError(f"{source}: arms.{name}.data.kind: all arms have the same data; give it under data")
    for data in suite.data:
        for name in suite.arms:
            space = suite.search_space(data, name, source)
            searched = [*space.shared, *space.branches]
            for path in searched:
                if path.partition(".")[0] == "data" or path in ("training.epochs", "training.global_batch_size"):
                    raise ConfigError(f"{source}: arms.{name}: {path} cannot be searched, since all arms have the same")
            if searched and not trials:
                raise ConfigError(
                    f"{source}: arms.{name} searches {', '.join(searched)} without a budget: benchmark.tuning.trials "
                    "is 0; set it to at least 2, or leave out what is searched"
                )
            if trials and not searched:
                raise ConfigError(
                    f"{source}: arms.{name} has nothing to search, though every arm has a budget of "
                    f"{many(trials, 'trial')}: "
                    "add to space or to its own, or set benchmark.tuning.trials to 0"
                )
    for path in suite.space:
        if not any(has_key(suite.config(data, arm, source), path) for data in suite.data for arm in suite.arms):
            raise ConfigError(f"{source}: space.{path} is a key of no arm")


def _check_fronts(suite: SuiteConfig, source: str) -> None:
    for name in suite.fronts.arms if suite.fronts else ():
        if name not in suite.arms:
            raise ConfigError(f"{source}: fronts.arms names {name!r}, which is not an arm{nearest(name, suite.arms)}")
        config = suite.config(next(iter(suite.data)), name, source)
        if not hasattr(config.objective, "level_weights"):
            raise ConfigError(f"{source}: fronts.arms names {name!r}, whose objective has no level_weights")


def _refuse_other_device(config: TrialConfig, suite: SuiteConfig, where: str) -> None:
    if config.training.device == "cuda" and suite.trials.resources.gpus == 0:
        raise ConfigError(
            f"{where}: training.device is cuda, but trials.resources.gpus is 0; set it to 1 or a share of one, or "
            "training.device to auto or cpu"
        )
