"""Studies kept in the home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study.folder import is_saved, load_study, save_study


def test_a_study_comes_back_as_it_was(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    sweep = SweepConfig.model_validate(
        {"study": {"name": "s", "num_trials": 3}, "trials": {"workers": "1:2"}, "space": {"seed": {"int": [0, 1]}}}
    )
    assert not is_saved("s", home)
    save_study(sweep, home)
    assert is_saved("s", home)
    assert load_study("s", home) == sweep


@pytest.mark.parametrize("text", ["", "{", "[]", '{"study": {"name": "s", "no_such_key": 1}}'])
def test_a_damaged_study_is_one_sentence(tmp_path: Path, text: str) -> None:
    home = Home.of(tmp_path)
    home.study("s").mkdir(parents=True)
    (home.study("s") / "sweep.json").write_text(text)
    with pytest.raises(StudyError, match=r"sweep\.json cannot be read .*: it is damaged or of another version"):
        load_study("s", home)
    with pytest.raises(StudyError, match=r"there is no study 't' in .*; it has s"):
        load_study("t", home)
