"""What the functions take: configurations in every form, and what is wrong with them in a sentence."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmlc_ray import SweepConfig, TrialConfig, check, errors, resume, status, sweep, train
from hmlc_ray.api import timing
from hmlc_ray.config.files import load_trial, write_trial
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import BestTrial, RunSummary, SweepCounts, SweepSummary, TrialRow
from hmlc_ray.study.workspace import Workspace

SPACE: dict[str, Any] = {
    "study": {"name": "s", "num_trials": 4},
    "space": {"objective.temperature": {"float": (0.1, np.float64(0.5))}},
}
VALUES: dict[str, Any] = {"seed": np.int64(3), "evaluation": {"probe_regularisation": np.array([0.1, 1.0])}}
pytestmark = pytest.mark.usefixtures("folder")


class Layer:
    """Stands in for a module of a layer below and its one function: keeps what that was called with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: str, name: str, result: object) -> None:
        self.args: tuple[Any, ...] = ()

        def function(*args: Any) -> object:
            self.args = args
            return result

        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{name: function}))  # type: ignore[arg-type]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Layer:
    return Layer(monkeypatch, "hmlc_ray.runs.single", "train_run", RunSummary("id", {}, ("a",), None, None, 1))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Layer:
    summary = SweepSummary("s", "val/probe_top1/mean", "max", [], None, ("a",), "sqlite:///x")
    return Layer(monkeypatch, "hmlc_ray.sweep.run", "run_sweep", summary)


def test_a_trial_in_every_form(trained: Layer) -> None:
    expected = TrialConfig.model_validate({"seed": 3, "evaluation": {"probe_regularisation": (0.1, 1.0)}})
    write_trial("trial.yaml", expected)
    for source in (VALUES, expected, "trial.yaml", Path("trial.yaml"), {"base": VALUES, "space": {}}):
        train(source)
        assert trained.args[0].config == expected


@pytest.mark.parametrize(
    "overrides",
    [
        {"objective.temperature": np.float32(0.25), "data.taxonomy": "magnitude"},
        ["objective.temperature=0.25", "data.taxonomy=magnitude"],
        [("objective.temperature", 0.25), "data.taxonomy=magnitude"],
    ],
)
def test_overrides_in_every_form(trained: Layer, overrides: Any) -> None:
    train({}, overrides=overrides)
    config = trained.args[0].config
    assert (config.objective.temperature, config.data.taxonomy) == (0.25, "magnitude")


def test_one_override_as_a_text(trained: Layer) -> None:
    train({}, overrides="seed=4")
    assert trained.args[0].config.seed == 4


def test_a_space_in_every_form(started: Layer) -> None:
    Path("s.yaml").write_text(
        "study: {name: s, num_trials: 4}\nspace: {objective.temperature: {float: [0.1, 0.5]}}\n"
        "profiles: {short: {study.num_trials: 2}}\n"
    )
    expected = load_sweep("s.yaml")
    for source in (SPACE, "s.yaml", Path("s.yaml"), expected):
        sweep(source)
        assert started.args[0] == expected
    sweep("s.yaml", profile="short", name="1e5", overrides={"study.seed": 7})
    assert (started.args[0].study.name, started.args[0].study.num_trials, started.args[0].study.seed) == ("1e5", 2, 7)
    sweep(expected, trials=3)
    assert started.args[0].study.num_trials == 3
    assert SPACE["study"]["num_trials"] == 4, "what is given is not changed"


LOOP: dict[str, Any] = {}
LOOP["data"] = LOOP


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"training": {"epochs": 0}}, "configuration: training.epochs must be an integer of at least 1, got 0"),
        ({1: 2}, "configuration: a key must be text, got 1"),
        (LOOP, "configuration: values are nested more than 50 deep"),
        (
            3,
            "a configuration must be the path of a YAML file, a mapping of its values, a TrialConfig or a SweepConfig, "
            "got int",
        ),
        ("none.yaml", "none.yaml: there is no such file"),
        (TrialConfig().objective, "GHmlcConfig: "),
    ],
)
def test_a_wrong_configuration_is_one_sentence(source: Any, sentence: str) -> None:
    for function in (train, check):
        with pytest.raises(errors.ConfigError) as error:
            function(source)
        assert str(error.value).startswith(sentence)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"training": {"epochs": 0}}, "configuration: training.epochs must be an integer of at least 1, got 0"),
        ({"a b": 1}, "override 'a b': give a dotted path, for example objective.temperature"),
        ({3: 1}, "override 3: give a dotted path, for example objective.temperature"),
        (5, "overrides 5: give a mapping of dotted paths to values, texts path=value, or pairs of a path and a value"),
        ([5], "override 5: give a mapping of dotted paths to values, texts path=value, or pairs of a path and a value"),
        ([("training.epochs",)], "override ('training.epochs',): give a mapping"),
        (["seed"], "override 'seed': write it as path=value, for example objective.temperature=0.2"),
    ],
)
def test_a_wrong_override_is_one_sentence(overrides: Any, sentence: str) -> None:
    with pytest.raises(errors.ConfigError, match="^" + re.escape(sentence)):
        check({}, overrides=overrides)


def test_a_check_gives_the_configuration() -> None:
    assert check(VALUES).config == load_trial(VALUES)
    assert isinstance(check(SPACE).config, SweepConfig)
    assert check(SPACE).trial.objective.temperature == 0.1  # type: ignore[union-attr]
    with pytest.raises(errors.ConfigError, match="configuration is a trial, and only a search space has profiles"):
        check(VALUES, profile="smoke")


def test_homes_and_stores_are_those_of_the_command_line(trained: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    train(VALUES)
    assert trained.args[1] == Workspace.of(None)
    assert trained.args[1].home.root == Path.cwd() / "hmlc-home"
    monkeypatch.setenv("HMLC_HOME", "elsewhere")
    train(VALUES)
    assert trained.args[1].home.root == Path.cwd() / "elsewhere"
    train(VALUES, home="given", tracking_uri="sqlite:///x", name="n", test=True)
    plan, workspace, _ = trained.args
    assert workspace == Workspace.of(Path("given"), "sqlite:///x")
    assert (plan.name, plan.test) == ("n", True)


def test_a_run_has_a_name(trained: Layer) -> None:
    train(VALUES)
    assert trained.args[0].name == "digits-g-hmlc"
    write_trial("mine.yaml", load_trial(VALUES))
    train("mine.yaml")
    assert trained.args[0].name == "mine"


def test_progress_is_off_on_or_ones_own(
    started: Layer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = SweepCounts(total=4, completed=1, best=0.5)

    def show(progress: Any) -> str:
        sweep(SPACE, progress=progress)
        started.args[2].update(counts)
        started.args[2].note("connecting")
        return capsys.readouterr().out

    with caplog.at_level("INFO", logger="hmlc_ray"):
        assert show(False) == ""
    assert caplog.messages == ["connecting"]
    assert show(True).startswith("s: loading torch and Ray\ns: 1/4 trials done, 1 completed")
    own = started.args[2]
    show(own)
    assert started.args[2] is own


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"workers": 2}, "--workers needs --address: without one a run trains in this process"),
        ({"workers": 0, "address": "auto"}, "--workers must be at least 1, got 0"),
        ({"workers": 1.5, "address": "auto"}, "--workers: workers must be an integer of at least 0, or a range like"),
    ],
)
def test_workers_of_a_run(arguments: Any, sentence: str) -> None:
    with pytest.raises(errors.ConfigError, match=f"^{sentence}"):
        train(VALUES, **arguments)


def test_errors_are_errors_also_within_an_event_loop() -> None:
    """As in a notebook: no function ends the process."""

    async def cell() -> None:
        with pytest.raises(errors.StudyError, match="there is no study 'none'"):
            status("none")
        with pytest.raises(errors.StudyError, match="there is no study 'none'"):
            resume("none")
        with pytest.raises(errors.StudyError, match="--trials must be a number of at least 1, got 0"):
            resume("none", trials=0)
        assert status() == []

    asyncio.run(cell())
    assert not Path("hmlc-home").exists(), "looking makes no home folder"


def test_results_print_in_a_line(started: Layer, trained: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=iter((0.0, 9.0, 10.0, 71.4)).__next__))
    assert repr(sweep(SPACE)) == "SweepSummary('s': 0 trials)"
    assert repr(train(VALUES)) == "RunSummary('id': 1 epoch, 61 s)"
    rows = [
        TrialRow(0, "0", TrialStatus.COMPLETED, 0.5, 2, {"seed": 1}, "a"),
        TrialRow(1, "1", TrialStatus.PRUNED, 0.25, 1, {}, "b"),
    ]
    summary = SweepSummary("s", "val/knn_top1/leaf", "max", rows, rows[0], ("a",), "sqlite:///x")
    assert repr(summary) == (
        "SweepSummary('s': 2 trials, 1 completed, 1 pruned, best: trial 0, val/knn_top1/leaf 0.5000)"
    )
    assert repr(BestTrial(rows[0], TrialConfig(), {})) == "BestTrial(trial 0: 0.5000 after 2 epochs, {'seed': 1})"
