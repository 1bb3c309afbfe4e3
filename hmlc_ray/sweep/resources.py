"""What a trial needs and how many fit into a cluster at once."""

from __future__ import annotations

from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.errors import ClusterError

# Tune's actor for a nested Ray Train run only waits; 0 CPUs are refused.
DRIVER_CPUS = 0.01


def demand(trials: TrialsConfig) -> dict[str, float]:
    """Ray resources that one trial takes at least: its workers (an elastic group's minimum) and its driver."""
    count = max(1, min_workers(trials))
    need = {"CPU": trials.resources.cpus * count, "GPU": trials.resources.gpus * count}
    if min_workers(trials) > 0:
        need["CPU"] += DRIVER_CPUS
    return {name: amount for name, amount in need.items() if amount > 0}


def min_workers(trials: TrialsConfig) -> int:
    """Workers that must be there before a trial starts; 0: it trains in Tune's own process."""
    return trials.worker_range[0]


def concurrency(trials: TrialsConfig, supply: dict[str, float]) -> int:
    """Trials at once: as many as the scarcest resource holds.

    With nested Ray Train more would start than have room for their workers, and wait for each other (ray#47440).

    Raises:
        ClusterError: if not even one fits.
    """
    need = demand(trials)
    for name, amount in need.items():
        if supply.get(name, 0.0) < amount:
            raise ClusterError(
                f"a trial needs {amount:g} {name}, but the Ray cluster has {supply.get(name, 0.0):g}: lower "
                f"trials.resources or trials.workers, or add nodes"
            )
    fits = min(int(supply[name] // amount) for name, amount in need.items())
    return min(fits, trials.max_concurrent or fits)
