"""Files that appear whole: writers that share a folder, writers that died, and what is no file."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from hmlc_ray.files.atomic import replace_folder, staged, write_whole


def test_writers_of_one_process_id_do_not_mix(tmp_path: Path) -> None:
    """As two containers on a shared folder have, whose processes are all 1, 7 or so; or two threads."""
    file = tmp_path / "f"
    with staged(file) as first, staged(file) as second:
        assert first != second
        second.write_text("second")
        first.write_text("first")
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


def test_many_writers_at_once_leave_one_whole_text(tmp_path: Path) -> None:
    file, texts = tmp_path / "f", [str(i) * 100_000 for i in range(8)]
    threads = [threading.Thread(target=write_whole, args=(file, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text() in texts
    assert list(tmp_path.iterdir()) == [file]


def test_what_killed_writers_left_goes_and_what_others_write_stays(tmp_path: Path) -> None:
    file = tmp_path / "f"
    with staged(file) as abandoned:
        abandoned.write_text("half")
        kept = tmp_path / "left"
        os.link(abandoned, kept)
    os.rename(kept, abandoned)
    long_ago = time.time() - 2 * 3600
    os.utime(abandoned, (long_ago, long_ago))
    with staged(tmp_path / "g") as young:
        young.write_text("of another writer")
        write_whole(file, "whole")
        assert young.exists()
        assert not abandoned.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "g"]


def test_the_longest_name_that_the_system_allows(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 255)
    write_whole(file, "x")
    assert file.read_text() == "x"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "f"
    write_whole(file, "before")

    def fail() -> None:
        with staged(file) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "stdout"
    link.symlink_to("/dev/null")
    write_whole(link, "x")
    assert link.is_symlink()


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


def test_a_checkpoint_is_replaced_beside_what_a_killed_writer_of_the_same_process_id_left(tmp_path: Path) -> None:
    folder, staging = tmp_path / "c", tmp_path / "new"
    left = tmp_path / f".c-old-{os.getpid()}"
    for place in (folder, staging, left):
        place.mkdir()
        (place / "f").write_text(place.name)
    replace_folder(staging, folder)
    assert (folder / "f").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["c", left.name])
