"""Large studies and trees: their reports stay small, and say what they leave out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from made_report import DOT, hostile_encoder
from made_study import SPACE, params_of
from pages_as_read import check, specs, text_of

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.report.content.confusion import in_tree_order
from hmlc_ray.report.content.curves import Curve, thinned
from hmlc_ray.report.content.samples import Sample, Samples
from hmlc_ray.report.content.search import Importances, best_first, importances_of, parameters_of
from hmlc_ray.report.content.study import StudyContent
from hmlc_ray.report.limits import LARGEST, STEPS, Limits
from hmlc_ray.report.links import Links
from hmlc_ray.report.page import render as rendering
from hmlc_ray.report.page.blocks import Page
from hmlc_ray.report.sections.encoder import levels_section, samples_section
from hmlc_ray.report.sections.search import search_section
from hmlc_ray.report.sections.summary import summary_section
from hmlc_ray.report.sections.trials import trials_section
from hmlc_ray.study.schema import StudyStatus, TrialStatus
from hmlc_ray.study.status import StudyOverview
from hmlc_ray.study.summary import SweepCounts, TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import TrialRun

VEGA = 900_000
"""Bytes that the program of the charts takes, which is left out here."""


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "vega_script", lambda: "window.vegaEmbed = null;")


def study_of(trials: int, limits: Limits) -> StudyContent:
    """A study of so many trials, without an encoder."""
    sweep = SweepConfig.model_validate(SPACE)
    rows = [_row(number) for number in range(trials)]
    ranked, points = best_first(rows, "max"), tuple((epoch, 0.5 + epoch / 100) for epoch in range(50))
    curves = [Curve(row.number, row.status, points) for row in rows[: limits.curves]]
    return StudyContent(
        TrialRun("1", "", "FINISHED", {}, {}, {}),
        StudyOverview("made", StudyStatus.COMPLETE, SweepCounts(total=trials)),
        sweep,
        trials,
        tuple(ranked),
        ranked[0],
        parameters_of(sweep, ranked[: limits.trials]),
        importances_of(sweep, rows, {}),
        (),
        tuple(curves),
        ("parity", "digit"),
        {row.number: {"parity": 0.9, "digit": 0.8} for row in rows},
        None,
        None,
        None,
    )


def _row(number: int) -> TrialRow:
    status = TrialStatus.PRUNED if number % 3 else TrialStatus.COMPLETED
    return TrialRow(number, str(number), status, 0.5 + number % 97 / 200, 20, params_of(number), f"{number:032x}")


def page_of(study: StudyContent, limits: Limits) -> str:
    links = Links(Workspace(Home.of("/nowhere")), "1", "sqlite:///made.db")
    sections = (summary_section(study), trials_section(study, links, limits), search_section(study, limits))
    return rendering.render(Page("made", "", tuple(section for section in sections if section is not None)))


def test_a_thousand_trials() -> None:
    limits = STEPS[0]
    study = study_of(1_000, limits)
    html = page_of(study, limits)
    assert len(html.encode()) + VEGA < LARGEST * 0.6
    root = check(html)
    assert len(list(root.iter("tr"))) > 1_000
    assert study.importances is not None
    assert study.importances.trials == 334


def test_what_does_not_fit_is_named() -> None:
    limits = Limits(curves=5, trials=10)
    text = text_of(check(page_of(study_of(40, limits), limits)))
    assert "30 more trials are in MLflow alone." in text
    assert "a line for each of 5 of 40 trials" in text


def test_every_step_holds_less_than_the_one_before() -> None:
    for more, less in pairwise(STEPS):
        assert all(getattr(less, name) <= value for name, value in vars(more).items())
        assert less != more


def test_ten_thousand_leaves() -> None:
    leaves = 10_000
    tree = Taxonomy.from_paths(("coarse", "leaf"), [(f"group {n // 100}", f"leaf {n}") for n in range(leaves)])
    counts = {(n, (n + n % 2) % leaves): 3 for n in range(leaves)}
    names = tree.class_names[-1]
    samples = [
        Sample(f"folder/{n}.png", (f"group {n // 100}", names[n]), (f"group {n // 100}", names[n - 1]), 0.5, DOT)
        for n in range(0, leaves, 20)
    ]
    encoder = replace(
        hostile_encoder(),
        taxonomy=tree,
        level_names=tree.level_names,
        confusions=(in_tree_order("test", 1, counts, tree),),
        samples=Samples(
            "test", tree.level_names, 10_000, ((0.5, 0.5),) * len(samples), tuple(samples), "t-sne", (), 5_000
        ),
    )
    assert encoder.samples is not None
    sections = (levels_section(encoder, Limits()), samples_section(encoder.samples))
    html = rendering.render(Page("made", "", sections))
    assert len(html.encode()) + VEGA < LARGEST / 2
    root = check(html)
    assert "15,000 mistakes in 30,000 samples of 10,000 classes." in text_of(root)
    assert "too many classes to be drawn" in text_of(root)
    assert not any(spec.get("height", 0) > 2_000 for spec in specs(root))
    colours = {row["c1"] for row in specs(root)[-1]["data"]["values"]}
    assert len(colours) == 9  # the eight most frequent leaves, and all others


def test_samples_of_a_tree_that_is_too_large_for_probes() -> None:
    samples = [Sample(f"{n}.png", ("a", f"leaf {n}"), (), 0.0, DOT) for n in range(3)]
    found = Samples("val", ("coarse", "leaf"), 3, ((0, 0), (0, 1), (1, 1)), tuple(samples), "pca", (), None)
    root = check(rendering.render(Page("made", "", (samples_section(found),))))
    assert "no sample is called right or wrong" in text_of(root)
    assert "Hardest confusions" not in text_of(root)
    assert not any("said" in row or "wrong" in row for row in specs(root)[0]["data"]["values"])


@pytest.mark.parametrize("most", [0, 1, 2, 3, 7, 100])
def test_thinning_keeps_the_last(most: int) -> None:
    values = list(range(10))
    found = thinned(values, most)
    assert len(found) == min(most, 10)
    assert found == sorted(set(found))
    assert not found or found[-1] == 9


def test_importances_name_the_parameter_that_decides() -> None:
    sweep = SweepConfig.model_validate(SPACE)
    draws = np.random.default_rng(0)
    rows = []
    for n in range(60):
        params = params_of(n) | {"objective.temperature": float(draws.uniform(0.05, 0.5))}
        value = -abs(params["objective.temperature"] - 0.2)
        rows.append(TrialRow(n, str(n), TrialStatus.COMPLETED, value, 1, params, str(n)))
    found = importances_of(sweep, rows, {})
    assert isinstance(found, Importances)
    assert next(iter(found.shares)) == "objective.temperature"
    assert sum(found.shares.values()) == pytest.approx(1)
    assert "objective.level_weights" in found.shares  # not its sticks


def test_of_few_completed_trials_the_first_evaluation_is_taken() -> None:
    sweep = SweepConfig.model_validate(SPACE)
    rows = [TrialRow(n, str(n), TrialStatus.PRUNED, n / 20, 1, params_of(n), str(n)) for n in range(20)]
    found = importances_of(sweep, rows, {n: {1: n / 20} for n in range(20)})
    assert found is not None
    assert (found.evaluation, found.trials) == (1, 20)
    assert importances_of(sweep, rows[:5], {n: {1: n / 20} for n in range(5)}) is None
