"""Placement groups of trials that have ended.

A Train run's controller reserves its workers' resources in a placement group. Ray keeps that until the whole job ends,
even when the process of the controller, a trial's own, is dead: left alone, its resources are gone
and the next trials wait for ever (ray#54305). Ray Train has a process beside each run for this, which asks the State
API of a cluster that it finds by itself. This driver asks the cluster that it is connected to, without a dashboard.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray
from ray.util.placement_group import PlacementGroup, remove_placement_group

from hmlc_ray.sweep.cluster import internals
from hmlc_ray.sweep.cluster.internals import PlacementGroupTableData

_EVERY_S = 1.0
_PATIENCE_S = 10.0
_LOG = logging.getLogger(__name__)


@contextmanager
def freeing_ended_groups() -> Iterator[None]:
    """Free what ended trials hold, every second for the time of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_free_until, args=(stop,), name="hmlc-freed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=_PATIENCE_S)


def _free_until(stop: threading.Event) -> None:
    while not stop.wait(_EVERY_S):
        try:
            free_ended_groups()
        except Exception:  # a head that does not answer now may do so later, and Ray's errors have no common root
            _LOG.debug("placement groups cannot be looked through", exc_info=True)


def free_ended_groups() -> int:
    """Remove the placement groups of this job whose creator, which ran a controller, is dead; gives their number."""
    ended = [group for group in held_groups() if not is_nil(group.creator_actor_id)]
    ended = [group for group in ended if is_dead(group.creator_actor_id)]
    for group in ended:
        _remove(group)
    return len(ended)


@contextmanager
def freeing_own_groups() -> Iterator[None]:
    """Remove the placement groups that this process made in the block, if an error or Ctrl-C ends it.

    One that comes while a worker group starts finds a controller that does not know its group yet. An actor's groups
    are freed with it; those of a driver would stay as long as its connection, which a notebook keeps.
    """
    if ray.get_runtime_context().get_actor_id() is not None:
        yield
        return
    before = {group.placement_group_id for group in _driver_groups()}
    try:
        yield
    except BaseException:
        with suppress(Exception):  # what ended the block says more
            for group in _driver_groups():
                if group.placement_group_id not in before:
                    _remove(group)
        raise


def _remove(group: PlacementGroupTableData) -> None:
    remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))


def _driver_groups() -> list[PlacementGroupTableData]:
    return [group for group in held_groups() if is_nil(group.creator_actor_id)]


def held_groups() -> list[PlacementGroupTableData]:
    """This job's placement groups that hold resources, or wait for some."""
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    return [group for group in placement_groups() if group.creator_job_id == job and not group.is_detached]


def placement_groups() -> list[PlacementGroupTableData]:
    """All of the cluster that are not removed."""
    return [group for group in internals.placement_groups() if group.state != PlacementGroupTableData.REMOVED]


def is_nil(identifier: bytes) -> bool:
    """Whether an id is nil; a placement group whose creator is not an actor belongs to the driver."""
    return all(byte == 0xFF for byte in identifier)


def is_dead(actor: bytes) -> bool:
    """Ray forgets dead actors in the end; one that makes a placement group is known before."""
    return internals.actor_state(actor.hex()) in (None, "DEAD")
