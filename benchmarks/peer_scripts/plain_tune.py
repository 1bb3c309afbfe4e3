"""A sweep as one writes it from the documentation of Ray Tune, Optuna and MLflow, without this package.

python benchmarks/peer_scripts/plain_tune.py --trials 32 --folder FOLDER [--epochs 20]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import ray
from plain_train import train
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch


def trial(config: dict[str, Any]) -> None:
    """One trial of Tune."""
    last = 0.0

    def report(epoch: int, metrics: dict[str, float]) -> None:
        nonlocal last
        last = metrics.get("accuracy", last)
        tune.report({"epoch": epoch, **metrics, "accuracy": last})

    train(config["learning_rate"], config["temperature"], config["epochs"], report)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    ray.init(address="local", num_cpus=2, runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}})
    callback = MLflowLoggerCallback(tracking_uri=f"sqlite:///{arguments.folder}/mlflow.db", experiment_name="digits")
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": 1}),
        param_space={
            "learning_rate": tune.loguniform(1e-3, 1e-2),
            "temperature": tune.loguniform(0.05, 0.5),
            "epochs": arguments.epochs,
        },
        tune_config=tune.TuneConfig(
            metric="accuracy", mode="max", num_samples=arguments.trials, search_alg=OptunaSearch(seed=0)
        ),
        run_config=tune.RunConfig(storage_path=str(arguments.folder / "ray"), callbacks=[callback]),
    )
    results = tuner.fit()
    assert not results.errors, results.errors
    assert len(results) == arguments.trials
    print("best", results.get_best_result().metrics["accuracy"])


if __name__ == "__main__":
    main()
