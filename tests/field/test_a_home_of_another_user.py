"""A home folder that this user can read and not write: one sentence says what helps."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hmlc_ray.errors import StudyError, TrackingError
from hmlc_ray.home import Home
from hmlc_ray.study.folder import LOCK_FILE, driven
from hmlc_ray.tracking.store import translated


def test_sqlite_s_own_words_for_a_store_with_a_log_do_not_help() -> None:
    refused = sqlite3.OperationalError("attempt to write a readonly database")
    with (
        pytest.raises(
            TrackingError, match=r"sqlite has to write to mlflow\.db and its folder .* copy the whole folder"
        ),
        translated("sqlite:////home/alice/hmlc-home/mlflow.db"),
    ):
        raise OperationalError("SELECT 1", {}, refused)


def test_a_study_whose_lock_cannot_be_written_is_not_driven(tmp_path: Path) -> None:
    """The tests may be run by root, whom only what is no file keeps from writing."""
    home = Home.of(tmp_path)
    (home.study("s") / LOCK_FILE).mkdir(parents=True)
    with (
        pytest.raises(StudyError, match=rf"^study 's' cannot be changed from here: .*/s/{LOCK_FILE} cannot be written"),
        driven("s", home),
    ):
        pytest.fail("it is driven")
