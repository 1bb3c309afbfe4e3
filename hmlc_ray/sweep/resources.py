"""What a trial needs and how many fit into a cluster at once."""

from __future__ import annotations

from hmlc_ray.config.sweep import SweepConfig, TrialsConfig
from hmlc_ray.errors import ClusterError

# Tune's actor for a nested Ray Train run only waits; 0 CPUs are refused.
DRIVER_CPUS = 0.01
Amounts = dict[str, float]


def group_demand(trials: TrialsConfig) -> Amounts:
    """Ray resources of a worker group (an elastic group's minimum), or of a trial without workers."""
    count = max(1, trials.worker_range[0])
    need = {"CPU": trials.resources.cpus * count, "GPU": trials.resources.gpus * count}
    return {name: amount for name, amount in need.items() if amount > 0}


def trial_demand(trials: TrialsConfig) -> Amounts:
    """Ray resources of one trial: its group, and with workers the driver that waits for them."""
    need = group_demand(trials)
    return need | {"CPU": need["CPU"] + DRIVER_CPUS} if trials.worker_range[0] > 0 else need


def refit_trials(sweep: SweepConfig) -> TrialsConfig | None:
    """The worker group of the refit, or None where there is no refit."""
    refit = sweep.study.refit
    return None if refit is None else sweep.trials.model_copy(update={"workers": refit.workers})


def require(need: Amounts, supply: Amounts, what: str) -> None:
    """Check that a cluster can hold something at all: Ray would wait for the resources for ever.

    Raises:
        ClusterError: naming the first resource that is short.
    """
    for name, amount in need.items():
        if supply.get(name, 0.0) < amount:
            raise ClusterError(
                f"{what} needs {amount:g} {name}, but the Ray cluster has {supply.get(name, 0.0):g}: "
                "ask for less (workers, resources), or add nodes"
            )


def concurrency(sweep: SweepConfig, supply: Amounts) -> int:
    """Trials at once: as many as the scarcest resource holds.

    With nested Ray Train more would start than have room for their workers, and wait for each other (ray#47440).

    Raises:
        ClusterError: if not even one fits, or the refit does not.
    """
    need = trial_demand(sweep.trials)
    require(need, supply, "a trial")
    if (group := refit_trials(sweep)) is not None:
        require(group_demand(group), supply, "the refit")
    # 2 // 0.1 is 19: shares are no exact binary fractions.
    fits = min(int(supply[name] / amount + 1e-9) for name, amount in need.items())
    return min(fits, sweep.trials.max_concurrent or fits)
