"""Studies kept in the home folder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study.folder import LOCK_FILE, driven, is_saved, load_study, save_study


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


HOLDER = """
import sys, time
from pathlib import Path
from hmlc_ray.home import Home
from hmlc_ray.study.folder import driven
with driven("s", Home(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_driver_that_is_killed_holds_its_study_no_more(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(StudyError, match="study 's' is running: another process drives it"), driven("s", home):
                pytest.fail("two drivers hold it")
        finally:
            holder.kill()
    assert (home.study("s") / LOCK_FILE).exists()
    with driven("s", home):
        pass
    assert not home.study("s").exists(), "nothing was saved"


def test_a_driver_of_an_older_version_holds_its_study(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    home.study("s").mkdir(parents=True)
    with (home.study("s") / LOCK_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StudyError, match="is running"), driven("s", home):
            pytest.fail("two drivers hold it")
    with driven("s", home), (home.study("s") / LOCK_FILE).open("a") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the lock would be the file's existence, and a study whose driver was killed could not be resumed."""

    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)
    sentence = r"study 's' cannot be changed from here: .* cannot be written \(Function not implemented\)"
    with pytest.raises(StudyError, match=sentence), driven("s", Home.of(tmp_path)):
        pytest.fail("it is driven")
