"""Single runs: `train`, `probe`, `diagnose` and `embed`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hmlc_ray.api import calls
from hmlc_ray.api.calls import AnyPath, workspace_of
from hmlc_ray.api.results import name_of
from hmlc_ray.api.timing import timed
from hmlc_ray.api.views import run_view
from hmlc_ray.errors import ConfigError

if TYPE_CHECKING:
    from hmlc_ray.api.results import Trained
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.config.plain import Source
    from hmlc_ray.config.trial import TrialConfig
    from hmlc_ray.diagnosis import Diagnosis
    from hmlc_ray.runs.embed import EmbeddedTable
    from hmlc_ray.study.summary import RunProgress, RunSummary


@timed
def train(
    config: Source,
    *,
    overrides: Overrides = (),
    name: str | None = None,
    address: str | None = None,
    workers: int | str | None = None,
    test: bool = False,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
    progress: bool | RunProgress = False,
) -> RunSummary:
    """Train one configuration, as one MLflow run: in this process or, with an address, by Ray Train on a cluster.

    >>> from hmlc_ray import train
    >>> run = train({"encoder": {"kind": "mlp", "feature_dim": 16}}, overrides={"training.epochs": 1})
    >>> run
    RunSummary('...': 1 epoch, ... s, val/probe_top1/mean 0...)
    >>> run.level_names, run.metrics["val/probe_top1/mean"] > 0.5
    (('parity', 'digit'), True)

    Args:
        config: a trial: a YAML file, its values, or a `TrialConfig`; of a search space the `base`.
        overrides: laid over it: `{"training.epochs": 5}`, or texts as on the command line, `["training.epochs=5"]`.
        name: the MLflow run's name; by default the file's, else those of the data and the objective.
        address: a Ray cluster, `local`, `auto` or `HOST:PORT`, see `sweep`; None: this process trains.
        workers: Ray Train workers, N or `"MIN:MAX"`; only with an address. Default: 1.
        test: also evaluate the result on the test split.
        home: the home folder; by default `HMLC_HOME`, else `./hmlc-home`.
        tracking_uri: the MLflow store; by default `MLFLOW_TRACKING_URI`, else the home folder's.
        progress: True prints what `hmlc train` prints; or your own view.

    Raises:
        UserError: if configuration, data, store or cluster cannot be used; before anything is trained where it shows.
        TrainingError: if training fails, for example because the loss is not finite.
        KeyboardInterrupt: on Ctrl-C; the run is marked KILLED.
    """
    from hmlc_ray.config.files import load_trial
    from hmlc_ray.config.levels import check_trial
    from hmlc_ray.runs.plan import RunPlan

    workspace = workspace_of(home, tracking_uri, address)
    loaded = load_trial(config, overrides)
    check_trial(loaded)
    group = _workers(workers, address)
    # With train and validation joined there is nothing but the test split to judge on.
    test = test or loaded.data.train_on == "train+val"
    plan = RunPlan(loaded, name or _name(config, loaded), test)
    with run_view(progress) as view:
        return calls.train(plan, group, workspace, view)


def probe(
    target: Trained,
    *,
    split: Literal["val", "test"] = "val",
    open_set: AnyPath | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
) -> dict[str, float]:
    """Evaluate a trained encoder again: linear probes, kNN and tree metrics on its frozen features.

    >>> from hmlc_ray import best, probe
    >>> metrics = probe(best("digits-1"), split="test")
    >>> metrics["test/probe_top1/leaf"] > 0.5
    True

    Args:
        target: a checkpoint folder, the name of a study, the id of an MLflow run, or a result of `train`, `sweep` or
            `best`; see `load_encoder`.
        split: the split to evaluate on. Test uses the regularisation that was chosen on validation.
        open_set: samples of no known class, to judge how well the encoder distinguishes them from those of the split: a
            folder of files or a table of features, of which all are taken whatever their labels, a CSV file with a
            column `path`, or a YAML file or a kind of data, of which the test split is taken. None: what the data
            itself has, if anything.
        home, tracking_uri: see `train`.

    Raises:
        CheckpointError: if the target is none of these, is an exported encoder without its checkpoint, or its data
            changed.
        StudyError, TrackingError: see `load_encoder`.
        ConfigError: if the split is neither `val` nor `test`.
        DataError: if the open set cannot be read, does not fit the encoder, or most of it is the run's own data.
    """
    _check_split(split)
    return calls.probe(name_of(target), workspace_of(home, tracking_uri), split, open_set)


def diagnose(
    target: Trained,
    *,
    split: Literal["val", "test"] = "val",
    report: AnyPath | bool = False,
    open_set: AnyPath | None = None,
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
) -> Diagnosis:
    """What a trained encoder has learnt, and where: ranks, probes on masks, confusions, distances and a map.

    >>> from hmlc_ray import diagnose
    >>> found = diagnose("digits-1", split="test")
    >>> found.features.effective_rank <= 16, [scatter.largest_rank for scatter in found.scatter]
    (True, [1, 8])

    Args:
        target: see `probe`.
        split: the split whose samples are looked at.
        report: True writes pictures, tables and `diagnosis.json` to `diagnosis` beside the run's checkpoint in the home
            folder; a path writes them there. Those of a run are logged to it as well.
        open_set: see `probe`.
        home, tracking_uri: see `train`.

    Raises:
        CheckpointError, StudyError, TrackingError: see `probe`.
        ConfigError: if the split is neither `val` nor `test` or the run has none, or the folder cannot be written.
        DataError: see `probe`.
    """
    _check_split(split)
    return calls.diagnose(name_of(target), workspace_of(home, tracking_uri), split, report, open_set)


def embed(
    source: Trained,
    *,
    data: AnyPath | None = None,
    out: AnyPath,
    overrides: Overrides = (),
    home: AnyPath | None = None,
    tracking_uri: str | None = None,
) -> EmbeddedTable:
    """Write a trained encoder's features of a data set as a table, which `data.kind: features` reads. Without Ray.

    >>> from hmlc_ray import embed
    >>> table = embed("digits-1", out="table")
    >>> table.rows["test"], table.feature_dim
    (359, 16)

    Args:
        source: the encoder, see `load_encoder`.
        data: a folder of samples in class folders, a table of features, a manifest, a YAML file or a kind of data;
            None: what the encoder was trained on. Images of a folder get the size, and clouds the number of points,
            that the encoder was trained on.
        out: a folder for `features.npy` and `labels.csv`, made where it is missing.
        overrides: keys of `data` with other values; see `train`.
        home, tracking_uri: see `train`.

    Raises:
        CheckpointError, StudyError, TrackingError: see `load_encoder`.
        ConfigError: if an override is wrong.
        DataError: if the data cannot be read or does not fit the encoder, or `out` cannot be written.
    """
    return calls.embed(name_of(source), data, Path(out), workspace_of(home, tracking_uri), overrides)


def _check_split(split: str) -> None:
    if split not in ("val", "test"):
        raise ConfigError(f"split must be val or test, got {split!r}")


def _workers(given: int | str | None, address: str | None) -> int | str:
    """The size of the worker group: N, or `min:max`.

    Raises:
        ConfigError: if it is neither, or there is no cluster for a group.
    """
    from hmlc_ray.config.load import parse_yaml
    from hmlc_ray.config.sweep import TrialsConfig
    from hmlc_ray.config.validate import validate

    if given is None:
        return 1
    if address is None:
        raise ConfigError("--workers needs --address: without one a run trains in this process")
    value = parse_yaml(given, "--workers", placed=False) if isinstance(given, str) else given
    workers = validate(TrialsConfig, {"workers": value}, "--workers").workers
    if workers == 0:
        raise ConfigError("--workers must be at least 1, got 0")
    return workers


def _name(source: Source, config: TrialConfig) -> str:
    if isinstance(source, str | os.PathLike):
        return Path(source).stem
    return f"{config.data.kind}-{config.objective.kind}"
