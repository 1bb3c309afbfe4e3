"""How type checkers see the public API: `make lint` checks this file, nothing runs it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import torch

import hmlc_ray
from hmlc_ray import (
    SweepConfig,
    Taxonomy,
    TrialConfig,
    benchmark,
    best,
    check,
    diagnose,
    errors,
    load_data,
    load_encoder,
    load_taxonomy,
    probe,
    report,
    resume,
    retry,
    status,
    sweep,
    train,
)
from hmlc_ray.benchmark.run import BenchmarkResult
from hmlc_ray.data import DataSet
from hmlc_ray.diagnosis import Diagnosis
from hmlc_ray.study.status import StudyOverview
from hmlc_ray.study.summary import BestTrial, RunSummary, SweepSummary


def runs(path: Path, config: TrialConfig) -> None:
    assert_type(train("trial.yaml"), RunSummary)
    assert_type(train(path, overrides=["seed=3"], progress=True), RunSummary)
    assert_type(train(config, overrides={"seed": 3}, home=path), RunSummary)
    assert_type(train({"seed": 3}, address="auto", workers="1:4"), RunSummary)
    assert_type(probe("id", split="test"), dict[str, float])
    assert_type(report("id", out="report.html").logged, bool)
    assert_type(diagnose("id", report=path), Diagnosis)
    assert_type(diagnose("id", split="test", report=True).metrics(), dict[str, float])
    train(3)  # type: ignore[arg-type]
    train(config, "seed=3")  # type: ignore[call-arg]
    probe("id", split="train")  # type: ignore[arg-type]


def studies(space: SweepConfig) -> None:
    assert_type(sweep(space), SweepSummary)
    assert_type(hmlc_ray.sweep({"space": {}}, name="s", trials=3), SweepSummary)
    assert_type(resume("s", trials=3), SweepSummary)
    assert_type(retry("s"), SweepSummary)
    assert_type(best("s"), BestTrial)
    assert_type(status("s"), StudyOverview)
    assert_type(status(), list[StudyOverview])
    assert_type(check("file.yaml").config, TrialConfig | SweepConfig)
    assert_type(benchmark("suite.yaml", overrides={"benchmark.tuning.trials": 2}), BenchmarkResult)
    assert_type(hmlc_ray.benchmark("suite.yaml", results="r.jsonl", replace_changed=True), BenchmarkResult)
    hmlc_ray.swep()  # type: ignore[attr-defined]


def encoders(path: Path) -> None:
    encoder = load_encoder(path)
    load_encoder(train({}))
    load_encoder(sweep({}))
    load_encoder(best("s").row)
    load_encoder(3)  # type: ignore[arg-type]
    assert_type(encoder.taxonomy, Taxonomy)
    assert_type(encoder.config, TrialConfig)
    assert_type(encoder.feature_dim, int)
    assert_type(encoder.embed(torch.zeros(1)), torch.Tensor)
    assert_type(load_data("digits"), DataSet)
    assert_type(load_taxonomy("cifar100"), Taxonomy)


def failures() -> None:
    try:
        status("s")
    except errors.StudyError as error:
        assert_type(error, errors.StudyError)
