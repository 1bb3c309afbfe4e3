"""benchmarks/budgets.py and benchmarks/scale.py, at sizes that take seconds: they run, and their sums are right."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import scale  # noqa: E402
from budget_parts.candidates import OWN, SCHEDULERS, samplers  # noqa: E402
from budget_parts.curves import RESULTS, Curve, CurveSet, read, rounded, short  # noqa: E402
from budget_parts.replay import Question, sweep_of, times  # noqa: E402
from budget_parts.simulation import Outcome, SimulatedTrial  # noqa: E402
from budget_parts.surrogate import Surrogate  # noqa: E402
from budgets import simulate  # noqa: E402

from hmlc_ray.sweep.tune.samplers import NumberedRandom, Stream  # noqa: E402

EPOCHS = 20


@pytest.fixture(scope="module")
def curves() -> CurveSet:
    """A smooth surface over the packaged space of digits: the learning rate alone decides."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    facts = {"space": "digits", "overrides": [], "metric": "val/probe_top1/mean"}
    empty = CurveSet(facts, ())
    space, study = sweep_of(empty).search_space(), optuna.create_study(sampler=NumberedRandom(Stream(0)))
    found = []
    for _ in range(16):
        trial = study.ask()
        space.suggest(trial)
        height = 0.9 - 0.1 * abs(np.log(trial.params["optimiser.learning_rate"] / 3e-3))
        values = [height * (1 - 0.5**epoch) for epoch in range(1, EPOCHS + 1)]
        found.append(Curve({name: short(value) for name, value in trial.params.items()}, rounded(values), (0.5,) * 20))
    return CurveSet(facts, tuple(found))


def test_a_trained_configuration_has_its_own_curve(curves: CurveSet, tmp_path: Path) -> None:
    curves.write(tmp_path / "curves.jsonl")
    kept = read(tmp_path / "curves.jsonl")
    assert kept == curves
    surrogate = Surrogate(sweep_of(kept).search_space(), kept)
    for curve in kept.curves:
        assert surrogate.nearest(curve.params) == (curve.values, 0.5)
    near = dict(kept.curves[0].params)
    near["optimiser.learning_rate"] *= 1.0001
    assert surrogate.nearest(near)[0] == kept.curves[0].values
    assert surrogate.full_seconds == pytest.approx(0.5 * EPOCHS)
    assert surrogate.best() == max(curve.values[-1] for curve in curves.curves)


def test_a_sweep_from_an_earlier_one_begins_with_its_best_points(
    curves: CurveSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, results = tmp_path / "curves.jsonl", tmp_path / "budgets.jsonl"
    curves.write(file)
    simulate([file], ["tpe"], Question(budget=12, slots=2, seeds=4, earlier=curves), results, ["none"])
    plain, started = [json.loads(line) for line in results.read_text().splitlines()]
    assert (plain["start"], started["start"]) == (None, "digits")
    # On the same curves: what the other sweep ended with is what this one begins with.
    assert np.mean(started["value at 0.25"]) > np.mean(plain["value at 0.25"])
    assert np.mean(times(started)) < np.mean(times(plain))
    assert "| tpe, from digits | none |" in capsys.readouterr().out


def test_every_combination_is_replayed_once(
    curves: CurveSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, results = tmp_path / "curves.jsonl", tmp_path / "budgets.jsonl"
    curves.write(file)
    wanted, question = samplers(), Question(budget=6, slots=2, seeds=2)
    simulate([file], wanted, question, results)
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(row["sampler"], row["scheduler"]) for row in rows] == [(a, b) for a in wanted for b in SCHEDULERS]
    assert {*OWN} <= {*wanted}
    by = {(row["sampler"], row["scheduler"]): row for row in rows}
    assert by["random", "none"]["trials"] == [8, 8]  # six full trainings, and two that have begun
    assert min(by["random", "asha"]["trials"]) > 8
    for row in rows:
        assert row["value at 0.25"] <= row["value at 1"]
        assert [one is not None for one in row["reached"]] == [one >= row["target"] for one in row["value at 1"]]
        assert (times(row) <= 6).all()
    before = capsys.readouterr().out
    simulate([file], wanted, question, results)
    assert len(results.read_text().splitlines()) == len(rows)
    assert capsys.readouterr().out == before


def test_the_curves_that_are_kept_belong_to_the_packaged_spaces() -> None:
    files = sorted(RESULTS.glob("curves-*.jsonl"))
    assert files
    for file in files:
        curves = read(file)
        surrogate = Surrogate(sweep_of(curves).search_space(), curves)
        assert {len(curve.values) for curve in curves.curves} == {curves.epochs} == {surrogate.epochs}


def test_a_cluster_is_simulated(curves: CurveSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome, clock = scale.simulate(curves, trials=12, slots=3, minutes=30.0, home=tmp_path)
    assert len(outcome.trials) == len(clock.costs["complete"]) == 12
    assert {trial.status for trial in outcome.trials} == {"TERMINATED"}
    assert 0 < len(outcome.completed) < 12  # ASHA stopped some
    epochs = sum(trial.epochs for trial in outcome.trials)
    assert outcome.busy_seconds == pytest.approx(epochs * 60 * 30.0 / EPOCHS)
    assert scale.at_once(outcome, 3) <= outcome.seconds <= scale.at_once(outcome, 3) * 1.5
    scale.report(outcome, clock, 3)
    shown = capsys.readouterr().out
    assert "CPU time of the driver per trial" in shown
    assert "12 trials on 3 slots" in shown


def test_slots_are_shared_as_they_get_free() -> None:
    trials = [SimulatedTrial(str(i), {}, (1.0,), float(i + 1), epochs=1) for i in range(4)]
    assert scale.at_once(Outcome(trials), 2) == 6.0  # 1 + 3 and 2 + 4
