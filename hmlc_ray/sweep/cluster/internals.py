"""Ray's private parts: the only module that imports them.

Ray may move or rename them in any release. Which of its versions had each, and that the installed one has it, is in
`tests/sweep/cluster/test_internals.py`: after an upgrade that test says what has moved. Private methods that our
subclasses of Ray's classes use or replace are in the same table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Set
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import ray
from ray._common.utils import get_ray_address_file, get_system_memory
from ray._private import ray_constants, utils
from ray._private.accelerators import get_accelerator_manager_for_resource
from ray._private.node import Node
from ray._private.state import state
from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]  # Cython, missing in its stub
from ray.core.generated.gcs_pb2 import ActorTableData, PlacementGroupTableData
from ray.exceptions import RayActorError
from ray.runtime_context import RuntimeContext

from hmlc_ray.machine.environment import variables
from hmlc_ray.sweep.cluster.signals import interrupted_at_once

__all__ = ["ActorTableData", "PlacementGroupTableData", "get_ray_address_file", "get_system_memory"]

NO_JOINS = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
"""Environment: `0` where no node can join a cluster that is started here, so that it listens on loopback alone."""


def live_actors() -> list[ActorTableData]:
    """All of the connected cluster that are alive."""
    table = state._connect_and_get_accessor().get_actor_table(None, "ALIVE")
    return [ActorTableData.FromString(entry) for entry in table]


def placement_groups() -> list[PlacementGroupTableData]:
    """All of the connected cluster, removed ones included."""
    table = state._connect_and_get_accessor().get_placement_group_table()
    return [PlacementGroupTableData.FromString(entry) for entry in table]


def actor_state(actor: str) -> str | None:
    """`ALIVE`, `DEAD` or another; None where Ray knows no such actor any more."""
    return state.actor_table(actor).get("State")  # type: ignore[no-any-return]


def node_groups() -> list[Any]:
    """What an autoscaler can start: its node groups with `resources` and `max_count` (-1: no bound)."""
    config = state.get_cluster_config()
    return [] if config is None else list(config.node_group_configs)


def dashboard_url() -> str | None:
    """`host:port` of the connected cluster's dashboard; None or empty where it has none."""
    return ray._private.worker.get_dashboard_url()  # type: ignore[no-any-return]


def visible_gpus_variable() -> str | None:
    """The environment variable by which this machine's kind of GPU is hidden and shown."""
    return get_accelerator_manager_for_resource("GPU").get_visible_accelerator_ids_env_var()  # type: ignore[no-any-return]


@contextmanager
def disconnecting(then: Callable[[], None]) -> Iterator[None]:
    """Call `then` in a shutdown of Ray within the block as soon as its core has ended, before its processes are."""
    disconnect = state.disconnect

    def disconnect_and_then() -> None:
        then()
        disconnect()

    state.disconnect = disconnect_and_then
    try:
        yield
    finally:
        del state.disconnect  # the instance's; the class has its own
        then()


@contextmanager
def no_joins() -> Iterator[None]:
    """Do in the block what `NO_JOINS` does: Ray itself reads that variable only when it is imported."""
    joins = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = joins


@contextmanager
def no_services() -> Iterator[None]:
    """Start Ray, in the block, without the services of a cluster that others look at and that grows.

    These are the processes of its dashboard, which it starts even without one and waits for (ray#65983: a node whose
    own take longer than 15 seconds, as on a machine under load, does not start); the autoscaler's; and the one that
    sends what workers print to a driver that does not want it. They take half of Ray's start, and 170 MB.
    """
    with ExitStack() as stack:
        for owner, name, instead in (
            (utils, "get_dashboard_dependency_error", lambda: ImportError("not wanted")),
            *((Node, start, _start_nothing) for start in ("start_api_server", "start_log_monitor", "start_monitor")),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, instead)
        yield


def _start_nothing(*_: Any, **__: Any) -> None:
    pass


def forget_token() -> None:
    """Make Ray read its token again, from the environment as it is then."""
    AuthenticationTokenLoader.instance().reset_cache()


def token_header() -> dict[str, str]:
    """The HTTP header with this process's token, whether or not its mode uses it; empty where there is none."""
    loader = AuthenticationTokenLoader.instance()
    return (
        dict(loader.get_token_for_http_header(ignore_auth_mode=True)) if loader.has_token(ignore_auth_mode=True) else {}
    )


def keep_locks_in(folder: Any) -> None:
    """Where Ray keeps the locks of its file transfers; a path, or what has `__fspath__`."""
    from ray.air._internal import filelock

    assert hasattr(filelock, "RAY_LOCKFILE_DIR"), "this Ray calls it otherwise"
    filelock.RAY_LOCKFILE_DIR = folder


@contextmanager
def passing_on(more: Set[str] = frozenset(), *, without: Set[str] = frozenset()) -> Iterator[None]:
    """Change, in the block, which of the driver's variables Tune hands to its trials and Train to its workers.

    Args:
        more: variables that both hand on as well.
        without: variables that Tune does not hand on.
    """
    from ray.train.v2._internal import constants
    from ray.tune.execution import class_cache

    tune, train = class_cache.ENV_VARS_TO_PROPAGATE, constants.ENV_VARS_TO_PROPAGATE
    class_cache.ENV_VARS_TO_PROPAGATE = (tune | more) - without
    constants.ENV_VARS_TO_PROPAGATE = train | more
    try:
        yield
    finally:
        class_cache.ENV_VARS_TO_PROPAGATE, constants.ENV_VARS_TO_PROPAGATE = tune, train


Delete = Callable[[Any, str], None]
"""Deletes a folder of a filesystem of pyarrow's."""


@contextmanager
def checkpoints_kept_by(
    delete: Callable[[Delete], Delete], on_checkpoint: Callable[[Any, Any], None]
) -> Iterator[None]:
    """Replace the way Tune deletes checkpoints, and what it does when a trial has written one.

    Args:
        on_checkpoint: called with the manager of Tune's snapshots and the trial, instead of a count of checkpoints
            that ends in a snapshot.
    """
    from ray.train._internal import checkpoint_manager
    from ray.tune.execution.experiment_state import _ExperimentCheckpointManager

    own, count = checkpoint_manager._delete_fs_path, _ExperimentCheckpointManager.on_trial_checkpoint
    checkpoint_manager._delete_fs_path = delete(own)
    _ExperimentCheckpointManager.on_trial_checkpoint = on_checkpoint
    try:
        yield
    finally:
        checkpoint_manager._delete_fs_path = own
        _ExperimentCheckpointManager.on_trial_checkpoint = count


@contextmanager
def handed_over_again() -> Iterator[None]:
    """Let Tune start a trial elsewhere where the warm process that was to take it over has died, as with its node.

    The trial has not begun, so this is not a failure of it. Tune by itself counts two, one for the process and one for
    its task, and gives the trial up at the second, whatever the number of retries.
    """
    from ray.tune.execution.tune_controller import TuneController

    own = TuneController._trial_task_failure
    known: list[Exception] = []

    def fail(controller: Any, trial: Any, exception: Exception) -> None:
        if known and exception is known[0]:
            known.clear()
        elif isinstance(exception, RayActorError) and trial in controller._resetting_trials:
            controller._resetting_trials.remove(trial)
            controller._set_trial_status(trial, trial.PENDING)
            known[:] = [exception]
        else:
            own(controller, trial, exception)

    TuneController._trial_task_failure = fail
    try:
        yield
    finally:
        TuneController._trial_task_failure = own


def filesystem_of(uri: str) -> tuple[Any, str]:
    """The filesystem of a path or URI as Ray chooses it, and the path on it."""
    from ray.train._internal.storage import get_fs_and_path

    return get_fs_and_path(uri)  # type: ignore[no-any-return]


def run_controller(arguments: dict[str, Any]) -> Any:
    """Run the controller of a Ray Train run in this process to its end, and return the run's result.

    Ray itself starts a process for it. Whatever ends this call early, such as the end of a Tune trial, ends the run's
    workers and frees their placement group, unless they are just being started: see `freeing_own_groups`.

    Args:
        arguments: what Ray Train makes its controller with.
    """
    from ray.train.v2._internal.constants import ENABLE_CONTROLLER_STRUCTURED_LOGGING_ENV_VAR
    from ray.train.v2._internal.execution.controller import TrainController

    with _without_an_actor():
        # It would configure all logging of the process, and close the files that its owner logs to.
        with variables({ENABLE_CONTROLLER_STRUCTURED_LOGGING_ENV_VAR: "0"}):
            controller = TrainController(**arguments)
        try:
            _run_to_end(controller.run())
            return controller.get_result()
        finally:
            group = controller.get_worker_group()
            if group is not None and group.has_started():
                group.abort()


def _run_to_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, also in a thread whose own event loop waits for this call, as that of a notebook's cell."""
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        with interrupted_at_once(), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(coroutine)
    finally:
        asyncio._set_running_loop(outer)


@contextmanager
def _without_an_actor() -> Iterator[None]:
    """Let a controller run, in the block, in a process that is not an actor, as a driver.

    It hands its own actor to its workers, who would ask it for the checkpoints of the run; ours do not.
    """
    own = RuntimeContext.current_actor

    def actor_or_none(context: RuntimeContext) -> Any:
        with suppress(RuntimeError):
            return own.fget(context)
        return None

    RuntimeContext.current_actor = property(actor_or_none)
    try:
        yield
    finally:
        RuntimeContext.current_actor = own
