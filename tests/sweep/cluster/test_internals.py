"""Private parts of Ray, Optuna and MLflow that this package uses: which versions had them, and that these have.

A test here that fails after an upgrade names what has moved; what uses it is the right column's module.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import warnings
from functools import reduce
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import hmlc_ray
from hmlc_ray.sweep.jobs.client import JobsClient
from hmlc_ray.sweep.train.nested import Trainer
from hmlc_ray.sweep.tune import asha
from hmlc_ray.sweep.tune.asha import Asha
from hmlc_ray.sweep.tune.samplers import NumberedRandom, NumberedTpe
from hmlc_ray.sweep.tune.search import StudySearch

PACKAGE = Path(hmlc_ray.__file__).parent
RAY, OPTUNA, MLFLOW = "ray 2.58, 2.59, 2.60", "optuna 4.5, 5.0", "mlflow 3.14, 3.17"
"""Looked up in these releases."""
INTERNALS, SEARCH, NESTED = "sweep/cluster/internals.py", "sweep/tune/search.py", "sweep/train/nested.py"

# Where it is; the name, or `self.NAME` of what a class's instances have; where it was seen; who uses it.
USED = [
    ("ray._common.utils", "get_ray_address_file", RAY, INTERNALS),
    ("ray._common.utils", "get_system_memory", RAY, INTERNALS),
    ("ray._private.ray_constants", "ENABLE_RAY_CLUSTER", RAY, INTERNALS),
    ("ray._private.ray_constants", "ENABLE_RAY_CLUSTERS_ENV_VAR", RAY, INTERNALS),
    ("ray._private.utils", "get_dashboard_dependency_error", RAY, INTERNALS),
    ("ray._private.accelerators", "get_accelerator_manager_for_resource", RAY, INTERNALS),
    ("ray._private.node", "Node.start_api_server", RAY, INTERNALS),
    ("ray._private.node", "Node.start_log_monitor", RAY, INTERNALS),
    ("ray._private.node", "Node.start_monitor", RAY, INTERNALS),
    ("ray._private.state", "state._connect_and_get_accessor", RAY, INTERNALS),
    ("ray._private.state", "state.actor_table", RAY, INTERNALS),
    ("ray._private.state", "state.disconnect", RAY, INTERNALS),
    ("ray._private.state", "state.get_cluster_config", RAY, INTERNALS),
    ("ray._private.worker", "get_dashboard_url", RAY, INTERNALS),
    ("ray._raylet", "AuthenticationTokenLoader.instance", RAY, INTERNALS),
    ("ray._raylet", "AuthenticationTokenLoader.reset_cache", RAY, INTERNALS),
    ("ray._raylet", "AuthenticationTokenLoader.has_token", RAY, INTERNALS),
    ("ray._raylet", "AuthenticationTokenLoader.get_token_for_http_header", RAY, INTERNALS),
    ("ray.air._internal.filelock", "RAY_LOCKFILE_DIR", RAY, INTERNALS),
    ("ray.core.generated.gcs_pb2", "ActorTableData", RAY, INTERNALS),
    ("ray.core.generated.gcs_pb2", "PlacementGroupTableData", RAY, INTERNALS),
    ("ray.train._internal.checkpoint_manager", "_delete_fs_path", RAY, INTERNALS),
    ("ray.train._internal.storage", "get_fs_and_path", RAY, INTERNALS),
    ("ray.train.v2._internal.constants", "ENV_VARS_TO_PROPAGATE", RAY, INTERNALS),
    ("ray.tune.execution.class_cache", "ENV_VARS_TO_PROPAGATE", RAY, INTERNALS),
    ("ray.tune.execution.experiment_state", "_ExperimentCheckpointManager.on_trial_checkpoint", RAY, INTERNALS),
    ("ray.tune.execution.tune_controller", "TuneController._set_trial_status", RAY, INTERNALS),
    ("ray.tune.execution.tune_controller", "TuneController._trial_task_failure", RAY, INTERNALS),
    ("ray.tune.execution.tune_controller", "TuneController.self._resetting_trials", RAY, INTERNALS),
    ("ray.tune.search", "SearchGenerator.self._experiment", RAY, "sweep/tune/patches.py"),
    ("ray.tune.search.optuna", "OptunaSearch.self._completed_trials", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch.self._mode", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch.self._ot_study", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch.self._ot_trials", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch.self._sampler", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch.self._storage", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch.self._study_name", RAY, SEARCH),
    ("ray.tune.search.optuna", "OptunaSearch._setup_study", RAY, SEARCH),
    ("ray.tune.schedulers", "AsyncHyperBandScheduler.self._brackets", RAY, "sweep/tune/asha.py"),
    ("ray.tune.schedulers.async_hyperband", "_Bracket.self._rungs", RAY, "sweep/tune/asha.py"),
    ("ray.tune.schedulers.async_hyperband", "_Bracket.self.rf", RAY, "sweep/tune/asha.py"),
    ("ray.tune.schedulers.async_hyperband", "_Bracket.cutoff", RAY, "sweep/tune/asha.py"),
    ("ray.tune.schedulers.async_hyperband", "_Bracket.on_result", RAY, "sweep/tune/asha.py"),
    ("ray.tune.schedulers", "AsyncHyperBandScheduler.self._metric", RAY, "sweep/tune/asha.py"),
    ("ray.tune.schedulers", "AsyncHyperBandScheduler.self._metric_op", RAY, "sweep/tune/asha.py"),
    ("ray.job_submission", "JobSubmissionClient._do_request", RAY, "sweep/jobs/client.py"),
    ("ray.train.torch", "TorchTrainer._create_default_callbacks", RAY, NESTED),
    ("ray.train.torch", "TorchTrainer._initialize_and_run_controller", RAY, NESTED),
    ("ray.train.v2._internal.callbacks", "DatasetsCallback", RAY, NESTED),
    ("ray.train.v2._internal.callbacks.placement_group_callback", "PlacementGroupCleanerCallback", RAY, NESTED),
    ("ray.train.v2._internal.execution.controller", "TrainController.get_result", RAY, INTERNALS),
    ("ray.train.v2._internal.execution.controller", "TrainController.get_worker_group", RAY, INTERNALS),
    ("ray.train.v2._internal.execution.controller", "TrainController.run", RAY, INTERNALS),
    ("ray.train.v2._internal.execution.worker_group", "WorkerGroup.abort", RAY, INTERNALS),
    ("ray.train.v2._internal.execution.worker_group", "WorkerGroup.has_started", RAY, INTERNALS),
    ("optuna.samplers", "RandomSampler.self._rng", OPTUNA, "sweep/tune/samplers.py"),
    ("optuna.samplers", "TPESampler.self._rng", OPTUNA, "sweep/tune/samplers.py"),
    ("optuna.samplers", "TPESampler.self._random_sampler", OPTUNA, "sweep/tune/samplers.py"),
    ("optuna.study", "Study.self._storage", OPTUNA, SEARCH),
    ("optuna.trial", "FrozenTrial.self._trial_id", OPTUNA, SEARCH),
    ("optuna.trial", "Trial.self._trial_id", OPTUNA, SEARCH),
    ("mlflow.store.db.utils", "_make_parent_dirs_if_sqlite", MLFLOW, "tracking/making.py"),
    ("mlflow.store.tracking.sqlalchemy_store", "SqlAlchemyStore._engine_map", MLFLOW, "tracking/making.py"),
]


@pytest.mark.parametrize(("module", "name", "seen", "user"), USED, ids=[f"{row[0]}.{row[1]}" for row in USED])
def test_the_installed_version_has_it(module: str, name: str, seen: str, user: str) -> None:
    library = seen.partition(" ")[0]
    lacking = f"{library} {version(library)} has no {module}.{name}, which hmlc_ray/{user} uses; seen in {seen}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's code
            found: Any = import_module(module)
        owner, _, of_instances = name.partition(".self.")
        found = reduce(getattr, owner.split("."), found)
    except (ImportError, AttributeError):
        pytest.fail(lacking, pytrace=False)
    if of_instances:
        sources = "".join(inspect.getsource(base) for base in found.__mro__[:-1])
        assert re.search(rf"self\.{of_instances}\b[^=\n]*=", sources), lacking


def _segments(node: ast.AST) -> list[str]:
    """The names that an import or `ray.x.y` asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Attribute):
        return [ast.unparse(node)] if re.fullmatch(r"[\w.]+", ast.unparse(node)) else []
    return []


_PRIVATE = {
    "ray": re.compile(r"ray\.(.*\._|_(?!_)|core\.generated|tune\.execution)"),
    "optuna": re.compile(r"optuna\.(.*\._|_(?!_))"),
    "mlflow": re.compile(r"mlflow\.(.*\._|_(?!_))"),
}


def _users(library: str) -> set[str]:
    return {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if any(
            _PRIVATE[library].match(name)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            for name in _segments(node)
        )
    }


def test_one_module_alone_imports_rays_private_ones() -> None:
    assert _users("ray") == {INTERNALS}


@pytest.mark.parametrize("library", ["optuna", "mlflow"])
def test_no_module_imports_private_ones_of_others(library: str) -> None:
    assert _users(library) == set()


@pytest.mark.parametrize("ours", [StudySearch, Asha, asha._Bracket, JobsClient, Trainer, NumberedRandom, NumberedTpe])
def test_what_our_subclasses_use_of_their_bases_is_listed(ours: type) -> None:
    """A private name that a class of ours uses or replaces, and does not make by itself, is in the table."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(ours)))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr) and _is_own(node.value)
    }
    methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    inherited = {name for base in ours.__mro__[1:-1] for name in vars(base)} | set().union(
        *(re.findall(r"self\.(_[a-z]\w*)", inspect.getsource(base)) for base in ours.__mro__[1:-1] if _is_python(base))
    )
    private = {name for name in (used | methods) & inherited if re.match(r"_[a-z]", name)}
    listed = {name.rpartition(".")[2] for _, name, _, _ in USED}
    assert private - listed == set()


def _is_own(node: ast.expr) -> bool:
    """`self` or `super()`."""
    return ast.unparse(node) in ("self", "super()")


def _is_python(base: type) -> bool:
    return base.__module__.partition(".")[0] in ("ray", "optuna")
