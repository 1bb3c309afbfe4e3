"""Who holds the resources of the connected cluster, by what its head knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import ray

from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.sweep.cluster.demand import Amounts, worker_demand
from hmlc_ray.sweep.cluster.internals import PlacementGroupTableData, live_actors
from hmlc_ray.sweep.cluster.placement_groups import held_groups, is_dead, is_nil, placement_groups

_SHOWN = ("CPU", "GPU")


def group_words(trials: TrialsConfig) -> str:
    """What a trial needs: `1 CPU each`, or `2 workers of 1 CPU and 1 GPU each`."""
    need, low = _words(worker_demand(trials)), trials.worker_range[0]
    return f"{need} each" if low == 0 else f"{low} worker{'s' if low > 1 else ''} of {need} each"


def training_groups(*, of_driver: bool) -> int:
    """Worker groups of this job that have all their resources, a creator that lives, and workers in them.

    Args:
        of_driver: those that the driver itself made, as for a refit, instead of those that trials made. While trials
            run, the driver's are Tune's, with the trials themselves in them.
    """
    manned = {actor.placement_group_id for actor in live_actors()}
    return sum(
        group.state == PlacementGroupTableData.CREATED
        and group.placement_group_id in manned
        and is_nil(group.creator_actor_id) == of_driver
        and (of_driver or not is_dead(group.creator_actor_id))
        for group in held_groups()
    )


def who_holds() -> str:
    """`the cluster has 4 CPU, 0 CPU of it free; this study holds 2 CPU, job 02000000 holds 2 CPU`."""
    total, free = ray.cluster_resources(), ray.available_resources()
    names = [name for name in _SHOWN if total.get(name)]
    if not names:
        return "the cluster has no CPU now"
    held = _held()
    rest = {name: total[name] - free.get(name, 0.0) - sum(amounts[name] for amounts in held.values()) for name in names}
    shares = [f"{who} {_words(amounts)}" for who, amounts in held.items() if _words(amounts)]
    shares += [f"tasks and others hold {_words(rest)}"] if _words(rest) else []
    state_now = " and ".join(f"{free.get(name, 0.0):g} of {total[name]:g} {name}" for name in names)
    return f"{state_now} free in the cluster" + (f"; {', '.join(shares)}" if shares else "")


def _held() -> dict[str, Amounts]:
    """What placement groups and actors outside of them hold, by whom."""
    job = ray.get_runtime_context().get_job_id()
    held: dict[str, Amounts] = defaultdict(lambda: defaultdict(float))
    for group in placement_groups():
        if group.state == PlacementGroupTableData.CREATED:
            own = group.creator_job_id.hex() == job
            who = f"job {group.creator_job_id.hex()} holds" if not own else "this study holds"
            if own and not is_nil(group.creator_actor_id) and is_dead(group.creator_actor_id):
                who = "trials of this study that have ended still hold"
            for bundle in group.bundles:
                _add(held[who], bundle.unit_resources)
    for actor in live_actors():
        if is_nil(actor.placement_group_id):
            own = actor.job_id.hex() == job
            _add(held["this study holds" if own else f"job {actor.job_id.hex()} holds"], actor.required_resources)
    return held


def _add(total: Amounts, amounts: Mapping[str, float]) -> None:
    for name in _SHOWN:
        total[name] += amounts.get(name, 0.0)


def _words(amounts: Amounts) -> str:
    return " and ".join(f"{amounts[name]:g} {name}" for name in _SHOWN if amounts.get(name, 0.0) > 1e-6)
