"""What a sweep's driver resolves before any trial starts, so that every worker reads the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from hmlc_ray.config.base import Section
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.data_name import data_name
from hmlc_ray.config.marks import OnDisk, marked
from hmlc_ray.config.moved import with_given_paths, with_paths, with_searched_paths
from hmlc_ray.config.objective import GHmlcConfig, HmceConfig, VariantSection
from hmlc_ray.config.plugins import Plugin, plugins_of
from hmlc_ray.config.schema import default_kinds, kinds
from hmlc_ray.config.space import POINT
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.taxonomy import has_tree_to_make
from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.machine.user import expanded
from hmlc_ray.study.workspace import Workspace


def base_data(sweep: SweepConfig) -> DataConfig:
    """The data of the study's trials."""
    values = {"data": sweep.base["data"]} if "data" in sweep.base else {}
    return validate(TrialConfig, values, sweep.study.name).data


def plugins_of_trials(sweep: SweepConfig) -> list[Plugin]:
    """The plug-ins that trials of the study can use."""
    space = sweep.search_space()
    return list(dict.fromkeys(plugin for kinds in space.assignments() for plugin in plugins_of(space.first(kinds))))


def objective_kinds(sweep: SweepConfig) -> list[str]:
    """The objectives that trials of the study can have."""
    space = sweep.search_space()
    if sweep.points:
        configs = (space.assemble({}, {POINT: index}) for index in range(len(sweep.points)))
    else:
        configs = (space.first(kinds) for kinds in space.assignments())
    return list(dict.fromkeys(config.objective.kind for config in configs))


def with_threads(sweep: SweepConfig) -> SweepConfig:
    """The sweep with CPU threads set to a worker's CPUs, unless it says otherwise.

    They are written into the configuration because the last digits of a CPU run depend on them.
    """
    training = {"cpu_threads": max(1, int(sweep.trials.resources.cpus)), **sweep.base.get("training", {})}
    return sweep.model_copy(update={"base": {**sweep.base, "training": training}})


class ChangedDefault(NamedTuple):
    """A key whose default is another one than it was."""

    section: str
    key: str
    owner: type[Section]
    """The sections that have the key."""
    now: Any
    before: Any
    """The default for studies whose configuration does not have the key: they were started before it was recorded."""

    def owned_by(self, kind: str) -> bool:
        """Whether the section has the key when it is of this kind; one of an unknown kind has not."""
        found = _OBJECTIVES.get(kind) if self.section == "objective" else self.owner
        return found is not None and issubclass(found, self.owner)


CHANGED_DEFAULTS = (
    ChangedDefault("objective", "variant", VariantSection, HmceConfig().variant, "paper"),
    ChangedDefault("objective", "nesting", GHmlcConfig, GHmlcConfig().nesting, "partition"),
    ChangedDefault("training", "deterministic", TrainingConfig, TrainingConfig().deterministic, True),
)


def with_defaults(sweep: SweepConfig, which: Literal["now", "before"]) -> SweepConfig:
    """The sweep with every key of `CHANGED_DEFAULTS` that a section of it has, unless it says otherwise.

    They are written into the configuration when a study starts, so that its trials stay comparable whatever the
    default is when it is resumed.
    """
    base, points = dict(sweep.base), [dict(point) for point in sweep.points]
    branches = sweep.search_space().branches
    for changed in CHANGED_DEFAULTS:
        section, value = changed.section, {changed.key: getattr(changed, which)}
        searched = branches.get(section) or [_kind_of(sweep.base, section)]
        if any(changed.owned_by(kind) for kind in searched):
            base[section] = value | base.get(section, {})
        for point in points:  # a listed point's section replaces the base's
            if section in point and changed.owned_by(_kind_of(point, section)):
                point[section] = value | point[section]
    if base == sweep.base and points == [*sweep.points]:
        return sweep
    return sweep.model_copy(update={"base": base, "points": tuple(points)})


def _kind_of(values: dict[str, Any], section: str) -> str:
    """The kind of a section of a trial's values, written or by default; of a section without kinds its name."""
    default = default_kinds(TrialConfig, values).get(section, section)
    return str((values.get(section) or {}).get("kind", default))


def with_experiment(sweep: SweepConfig) -> SweepConfig:
    """The sweep with the name of its experiment, unless its run is to be shown below another, in that one's.

    It is written into the configuration when a study starts: older studies, which have none, stay in the base one.
    """
    study = sweep.study
    if study.experiment is not None or study.parent_run is not None:
        return sweep
    return sweep.model_copy(update={"study": study.model_copy(update={"experiment": data_name(base_data(sweep))})})


def with_made_tree(sweep: SweepConfig, workspace: Workspace, note: Callable[[str], None]) -> SweepConfig:
    """The sweep with the tree of `data.taxonomy` in its base, where it comes from a file or is to be induced. So all
    trials, on every node and after every resume, have the same tree.

    What is trained for it is trained here, with the encoder of the space's first trial.

    Raises:
        UserError, TrainingError: see `with_tree`.
    """
    if not has_tree_to_make(base_data(sweep).taxonomy):
        return sweep
    from hmlc_ray.runs.induction import with_tree  # loads torch, which reading a study does without

    first = sweep.search_space().first()
    device = device_here(first, sweep.trials.resources.gpus)
    made = with_tree(first, workspace, note, device=device).data.taxonomy
    assert made is not None
    assert not isinstance(made, str)
    data = {**sweep.base.get("data", {}), "taxonomy": made.model_dump(mode="json")}
    return sweep.model_copy(update={"base": {**sweep.base, "data": data}})


def device_here(config: TrialConfig, gpus: float) -> Literal["auto", "cpu"]:
    """The device of a training in this process, which need not have the GPUs that trials are given.

    Args:
        gpus: of a trial.
    """
    return "auto" if gpus and config.training.device != "cpu" else "cpu"


def located(sweep: SweepConfig) -> SweepConfig:
    """The sweep with absolute paths in its base, its listed points and the choices of its space: a cluster's workers
    run in other folders than the command."""
    sweep = with_searched_paths(with_given_paths(sweep, _absolute), _absolute)
    base = dict(sweep.base)
    defaults = {key: _absolute(path) for key, path, _ in marked(base_data(sweep), OnDisk) if path is not None}
    if defaults:  # what is not given may be a path all the same
        base["data"] = {**base.get("data", {}), **defaults}
    return sweep.model_copy(update={"base": base})


def located_trial(config: TrialConfig) -> TrialConfig:
    """The trial with absolute paths."""
    return with_paths(config, _absolute)


def _absolute(path: str) -> str:
    return str(expanded(path).absolute())


_OBJECTIVES = kinds(TrialConfig.model_fields["objective"])
