"""GPUs: a trial uses those that it was given and no other, and none of the cluster's stays idle unnoticed."""

from __future__ import annotations

import os
from collections.abc import Sequence

import ray

from hmlc_ray.compute.devices import hide_gpus
from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
from hmlc_ray.names.counts import many
from hmlc_ray.sweep.cluster.demand import Amounts, group_demand, total_of
from hmlc_ray.sweep.cluster.internals import visible_gpus_variable

HIDING = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
"""Environment of a process from which Ray hides all GPUs where it gives it none; since Ray 2.60 it leaves them."""


def worker_environment(trials: TrialsConfig, device: str) -> dict[str, str]:
    """What a Ray Train worker is started with: Train itself initialises CUDA, before the loop begins."""
    return {} if device == "cuda" or trials.resources.gpus else dict(HIDING)


def keep_to_own_gpus(device: str, *, shared: bool) -> None:
    """Let this process, a trial or a worker, see the GPUs that Ray gave it, and none where it was given none.

    Args:
        device: `training.device`. `cuda` without a GPU is refused where a sweep begins; a study of an older version
            may have it, and continues as it began.
        shared: Ray Train lets the workers of a node see each other's GPUs and has chosen the device.
    """
    own = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    if own and not shared:
        # Ray does that itself, unless RAY_EXPERIMENTAL_NOSET_... forbids it: then all trials would use the first GPU.
        variable = visible_gpus_variable()
        if variable is not None:
            os.environ[variable] = ",".join(sorted(own))
    elif not own and device != "cuda":
        hide_gpus()


def idle_gpus(sweep: SweepConfig, nodes: Sequence[Amounts], concurrency: int) -> str | None:
    """A sentence on the GPUs of the cluster that no trial will use, with reason and remedy; None where all are used.

    Args:
        nodes: what each node has; see `capacity.nodes_of`.
        concurrency: how many trials can run at once.
    """
    total, trials = total_of(nodes).get("GPU", 0.0), sweep.trials
    at_once = min(concurrency, sweep.study.num_trials)
    on_cpu = sweep.base_trial().training.device == "cpu"
    # A worker trains on one GPU, however many it was given.
    used = 0.0 if on_cpu else at_once * max(1, trials.worker_range[1]) * min(trials.resources.gpus, 1.0)
    idle = int(total - used + 1e-9)
    if idle < 1:
        return None
    return f"{idle} of the cluster's {total:g} GPUs will be idle: {_reason(sweep, nodes, at_once, on_cpu)}"


def _reason(sweep: SweepConfig, nodes: Sequence[Amounts], at_once: int, on_cpu: bool) -> str:
    trials, study = sweep.trials, sweep.study
    if on_cpu:
        return "training.device is cpu; set it to auto, and trials.resources.gpus to 1"
    if trials.resources.gpus == 0:
        return (
            "trials.resources.gpus is 0, so every trial trains on the CPU; `-o trials.resources.gpus=1` gives each one "
            "GPU, and a share such as 0.5 lets two trials use the same one"
        )
    if trials.resources.gpus > 1:
        return "a worker trains on one GPU; set trials.resources.gpus to 1 and trials.workers to the GPUs of a trial"
    if at_once == trials.max_concurrent:
        return f"trials.max_concurrent is {at_once}; raise it"
    if at_once == study.num_trials:
        return (
            f"the study has {many(at_once, 'trial')}; set trials.workers above 1 to train each of them on several GPUs"
        )
    need, total = group_demand(trials), total_of(nodes)
    return (
        f"{many(at_once, 'trial')} run at once, each takes {need['CPU']:g} of the cluster's "
        f"{total.get('CPU', 0):g} CPUs; "
        "lower trials.resources.cpus, or give each a larger share of a GPU by trials.resources.gpus"
    )
