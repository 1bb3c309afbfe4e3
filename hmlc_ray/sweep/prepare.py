"""What a sweep's driver settles before any trial starts, so that every worker reads the same."""

from __future__ import annotations

from pathlib import Path

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate


def base_data(sweep: SweepConfig) -> DataConfig:
    """The data of the study's trials."""
    values = {"data": sweep.base["data"]} if "data" in sweep.base else {}
    return validate(TrialConfig, values, sweep.study.name).data


def with_threads(sweep: SweepConfig) -> SweepConfig:
    """The sweep with CPU threads set to a worker's CPUs, unless it says otherwise.

    They are written into the configuration because the last digits of a CPU run depend on them.
    """
    training = {"cpu_threads": max(1, int(sweep.trials.resources.cpus)), **sweep.base.get("training", {})}
    return sweep.model_copy(update={"base": {**sweep.base, "training": training}})


def located(sweep: SweepConfig) -> SweepConfig:
    """The sweep with an absolute data folder: a cluster's workers run in other folders than the command."""
    root = getattr(located_data(base_data(sweep)), "root", None)
    if root is None:
        return sweep
    return sweep.model_copy(update={"base": {**sweep.base, "data": {**sweep.base["data"], "root": root}}})


def located_data(data: DataConfig) -> DataConfig:
    """The data with an absolute folder, where it has one."""
    root = getattr(data, "root", None)
    if root is None:
        return data
    return data.model_copy(update={"root": str(Path(root).expanduser().absolute())})
