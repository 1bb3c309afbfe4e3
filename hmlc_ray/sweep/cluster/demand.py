"""What a trial needs and how many fit into a cluster at once."""

from __future__ import annotations

from collections.abc import Sequence

from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
from hmlc_ray.errors import ClusterError
from hmlc_ray.names.counts import many

DRIVER_CPUS = 0.01
"""CPUs of a trial's driver, which only waits for the trial's workers, where no node with CPUs is alive yet."""
Amounts = dict[str, float]
_ADVICE = "ask for less (workers, resources), or add nodes"


def worker_demand(trials: TrialsConfig) -> Amounts:
    """Ray resources of one worker, or of a trial without workers."""
    need = {"CPU": trials.resources.cpus, "GPU": trials.resources.gpus}
    return {name: amount for name, amount in need.items() if amount > 0}


def group_demand(trials: TrialsConfig) -> Amounts:
    """Ray resources of a worker group (an elastic group's minimum), or of a trial without workers."""
    count = max(1, trials.worker_range[0])
    return {name: amount * count for name, amount in worker_demand(trials).items()}


def trial_demand(trials: TrialsConfig, driver_cpus: float = 0.0) -> Amounts:
    """Ray resources of one trial: its group, and with workers the driver that waits for them."""
    need = group_demand(trials)
    return need | {"CPU": need["CPU"] + driver_cpus} if trials.worker_range[0] > 0 else need


def refit_trials(sweep: SweepConfig) -> TrialsConfig | None:
    """The worker group of the refit, or None where there is no refit."""
    refit = sweep.study.refit
    return None if refit is None else sweep.trials.model_copy(update={"workers": refit.workers})


def require(worker: Amounts, count: int, nodes: Sequence[Amounts], what: str) -> None:
    """Check that a cluster can hold something at all: Ray would wait for the resources for ever.

    Args:
        worker: what one worker needs, all of it on one node.
        count: how many workers there are.

    Raises:
        ClusterError: naming the first resource that is short.
    """
    total = total_of(nodes)
    for name, amount in worker.items():
        if total.get(name, 0.0) < amount * count:
            raise ClusterError(
                f"{what} needs {amount * count:g} {name}, but the Ray cluster has {total.get(name, 0.0):g}: {_ADVICE}"
            )
    if not any(_fits(worker, node) for node in nodes):
        words = " and ".join(f"{amount:g} {name}" for name, amount in worker.items())
        raise ClusterError(f"{what} needs {words} on one node, and no node of the Ray cluster has that: {_ADVICE}")
    if (slots := sum(_fits(worker, node) for node in nodes)) < count:
        raise ClusterError(
            f"{what} needs {many(count, 'worker')}, but the nodes of the Ray cluster hold {slots}: {_ADVICE}"
        )


def concurrency(sweep: SweepConfig, nodes: Sequence[Amounts], driver_cpus: float = 0.0) -> int:
    """Trials at once: as many as the scarcest resource holds, where a worker needs all of its own on one node.

    With nested Ray Train more would start than have room for their workers, and wait for each other (ray#47440).

    Args:
        nodes: what each node has; see `capacity.nodes_of`.
        driver_cpus: what the driver of a trial with workers takes of them; see `capacity.driver_cpus`.

    Raises:
        ClusterError: if not even one fits, or the refit does not.
    """
    trials = sweep.trials
    worker, count = worker_demand(trials), max(1, trials.worker_range[0])
    require(worker, count, nodes, "a trial")
    require_total(trial_demand(trials, driver_cpus), nodes, "a trial")
    if (group := refit_trials(sweep)) is not None:
        require(worker_demand(group), group.worker_range[0], nodes, "the refit")
    total = total_of(nodes)
    # Shares are not exact binary fractions: see _times.
    by_total = min(_times(total[name], amount) for name, amount in trial_demand(trials, driver_cpus).items())
    fits = max(1, min(by_total, sum(_fits(worker, node) for node in nodes) // count))
    return min(fits, trials.max_concurrent or fits)


def require_total(need: Amounts, nodes: Sequence[Amounts], what: str) -> None:
    """Check the cluster's total alone.

    Raises:
        ClusterError: naming the first resource that is short.
    """
    total = total_of(nodes)
    for name, amount in need.items():
        if total.get(name, 0.0) < amount:
            raise ClusterError(
                f"{what} needs {amount:g} {name}, but the Ray cluster has {total.get(name, 0.0):g}: {_ADVICE}"
            )


def total_of(nodes: Sequence[Amounts]) -> Amounts:
    """The sum of all nodes."""
    return {name: sum(node.get(name, 0.0) for node in nodes) for name in {name for node in nodes for name in node}}


def _fits(worker: Amounts, node: Amounts) -> int:
    """Workers that a node holds."""
    return min(_times(node.get(name, 0.0), amount) for name, amount in worker.items())


def _times(supply: float, amount: float) -> int:
    # 2 // 0.1 is 19: shares are not exact binary fractions.
    return int(supply / amount + 1e-9)
