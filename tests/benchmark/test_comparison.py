"""What is compared with what, and the files that come of it."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
from fake_sweeps import suite_of
from test_results import line

from hmlc_ray.benchmark.comparison import compare
from hmlc_ray.benchmark.fronts import front_name, fronts_of
from hmlc_ray.benchmark.report import cell_text, write_fronts, write_report
from hmlc_ray.benchmark.results import Line

ARMS = {name: {"objective": {"kind": name}} for name in ("hmce", "supcon", "sum-supcon")}


def cell(arm: str, seed: int, coarse: float, leaf: float) -> Line:
    metrics = {"probe_top1/parity": coarse, "probe_top1/digit": leaf, "probe_top1/mean": (coarse + leaf) / 2}
    return line(
        suite="tiny", data="digits", arm=arm, number=seed, identity=f"{arm}{seed}", levels=["parity", "digit"],
        metrics=metrics, run_id=f"run-{arm}-{seed}",
    )  # fmt: skip


CELLS = [
    *(cell("hmce", seed, 0.90, value) for seed, value in enumerate((0.80, 0.82, 0.84))),
    *(cell("supcon", seed, 0.88, value) for seed, value in enumerate((0.83, 0.82, 0.88))),
    *(cell("sum-supcon", seed, 0.91, value) for seed, value in ((0, 0.81), (2, 0.83))),
]


def test_differences_are_paired_by_seed_and_in_points() -> None:
    rows = {(row.arm, row.level): row for row in compare(suite_of(arms=ARMS), CELLS)}
    own = rows["supcon", "digit"]
    assert own.own.mean == pytest.approx(100 * (0.83 + 0.82 + 0.88) / 3)
    assert own.against is not None
    assert own.against.interval.mean == pytest.approx((3 + 0 + 4) / 3)
    assert (own.against.wins, own.against.ties, own.against.losses) == (2, 1, 0)
    assert rows["hmce", "digit"].against is None
    lacking = rows["sum-supcon", "digit"].against
    assert lacking is not None
    assert lacking.pairs == 2
    assert lacking.interval.mean == pytest.approx(0.0, abs=1e-9)
    assert own.p_holm == pytest.approx(min(1.0, 2 * own.against.p_value))


def test_an_arm_under_another_tree_is_compared_at_the_leaves_alone() -> None:
    arms = ARMS | {"supcon": {"objective": {"kind": "supcon"}, "data": {"taxonomy": "magnitude"}}}
    cells = [own if own.arm != "supcon" else line(**{**vars(own), "levels": ["magnitude", "digit"]}) for own in CELLS]
    found = {(row.level, row.against is not None) for row in compare(suite_of(arms=arms), cells) if row.arm == "supcon"}
    assert ("digit", True) in found
    assert not any(compared for level, compared in found if level != "digit")


def test_the_files_hold_every_row_and_link_every_cell(tmp_path: Path) -> None:
    suite = suite_of(arms=ARMS)
    rows = compare(suite, CELLS)
    written = write_report(suite, rows, CELLS, tmp_path)
    assert {file.name for file in written} == {
        "comparison.md", "comparison.csv", "cells.csv",
        *(f"forest-digits-{level}.{kind}" for level in ("parity", "digit", "mean") for kind in ("png", "svg")),
    }  # fmt: skip
    with (tmp_path / "comparison.csv").open(encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    assert len(records) == len(rows)
    supcon = next(record for record in records if (record["arm"], record["level"]) == ("supcon", "digit"))
    assert float(supcon["difference"]) == pytest.approx(7 / 3)
    with (tmp_path / "cells.csv").open(encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    assert {record["run_id"] for record in cells} == {own.run_id for own in CELLS}
    text = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert "| supcon | 3 |" in text
    assert "(+2.33 [" in text


def test_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    suite = suite_of(arms=ARMS)
    rows = compare(suite, CELLS)
    for name in ("one", "two"):
        write_report(suite, rows, CELLS, tmp_path / name)
    one, two = ((tmp_path / name / "forest-digits-digit.svg").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_front_has_the_area_that_its_points_dominate(tmp_path: Path) -> None:
    suite = suite_of(arms=ARMS, fronts={"arms": ["hmce", "sum-supcon"], "leaf_weights": [0.2, 0.8]})
    cells = [
        cell(front_name(arm, weight), seed, coarse + 0.01 * seed, leaf)
        for arm, points in {"hmce": ((0.9, 0.5), (0.7, 0.8)), "sum-supcon": ((0.9, 0.6), (0.8, 0.8))}.items()
        for weight, (coarse, leaf) in zip((0.2, 0.8), points, strict=True)
        for seed in (0, 1)
    ]
    hmce, other = fronts_of(suite, [*CELLS, *cells])
    first = 100 * (0.9 * 0.5 + 0.7 * 0.3)
    assert hmce.volume.mean == pytest.approx((first + 100 * (0.91 * 0.5 + 0.71 * 0.3)) / 2)
    assert hmce.against is None
    assert other.against is not None
    assert other.against.wins == 2
    assert hmce.points[0.2] == pytest.approx((90.5, 50.0))
    files = write_fronts([hmce, other], tmp_path)
    assert [file.name for file in files] == ["fronts.csv", "fronts-digits.png", "fronts-digits.svg"]
    assert write_fronts([], tmp_path) == []


def test_one_shared_seed_has_no_p_value() -> None:
    rows = compare(suite_of(arms=ARMS), [CELLS[0], CELLS[3]])
    assert all(math.isnan(row.p_holm) for row in rows)
    own = next(row for row in rows if (row.arm, row.level) == ("supcon", "digit"))
    assert cell_text(own) == "83.00 (+3.00)"


def test_data_sets_whose_names_look_alike_have_pictures_of_their_own(tmp_path: Path) -> None:
    suite = suite_of(arms=ARMS)
    rows = [replace(row, data=name) for name in ("a b", "a_b", "A_b") for row in compare(suite, CELLS)]
    names = [file.name.casefold() for file in write_report(suite, rows, CELLS, tmp_path)]
    assert len({*names}) == len(names) == 3 + 3 * 3 * 2
