"""Sets of mesh files: the same clouds for the same content, sampled once, bad files told by name."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from made_meshes import BOX, off, write

from hmlc_ray.errors import DataError
from hmlc_ray.home import cache_folder
from hmlc_ray.meshes import files as module
from hmlc_ray.meshes import parallel
from hmlc_ray.meshes.files import Sampling, open_clouds, sampled

SAMPLING = Sampling(32, normals=False, seed=0)


def boxes(root: Path, count: int) -> list[Path]:
    return [
        write(root / f"{number:03}.off", BOX.replace(b"0.5000000000", b"0.5%03d000000" % number))
        for number in range(count)
    ]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are sampled in this process."""
    names: list[str] = []

    def noted(file: Path, sampling: Sampling) -> module.Sampled:
        names.append(file.name)
        return sampled(file, sampling)

    monkeypatch.setattr(module, "sampled", noted)
    return names


def test_a_cloud_depends_on_content_and_seed_alone(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.off", BOX), write(tmp_path / "deep" / "b.off", BOX)
    cloud = sampled(one, SAMPLING).cloud
    assert cloud is not None
    np.testing.assert_array_equal(cloud, sampled(other, SAMPLING).cloud)
    assert not np.array_equal(cloud, sampled(one, SAMPLING._replace(seed=1)).cloud)
    changed = write(tmp_path / "c.off", BOX + b"\n")
    assert not np.array_equal(cloud, sampled(changed, SAMPLING).cloud)


@pytest.mark.slow
def test_neither_order_nor_the_number_of_processes_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = boxes(tmp_path, 70)
    monkeypatch.setattr(parallel, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    _, many = open_clouds(files, tmp_path, SAMPLING, strict=True)
    _, turned = open_clouds(files[::-1], tmp_path, SAMPLING, strict=True)
    np.testing.assert_array_equal(many.clouds, turned.clouds[::-1])
    for file, cloud in list(zip(files, many.clouds, strict=True))[::23]:
        np.testing.assert_array_equal(cloud, sampled(file, SAMPLING).cloud)
    monkeypatch.setenv("HMLC_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(parallel, "cpu_count", lambda: 1)
    _, alone = open_clouds(files, tmp_path, SAMPLING, strict=True)
    np.testing.assert_array_equal(many.clouds, alone.clouds)


def test_a_set_is_sampled_once_and_then_no_file_is_opened(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = boxes(tmp_path, 3)
    key, stored = open_clouds(files, tmp_path, SAMPLING, strict=True)
    assert len(calls) == 3
    monkeypatch.setattr(module, "file_digests", lambda _: pytest.fail("files were hashed"))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("a file was read"))
    again, cached = open_clouds(files, tmp_path, SAMPLING, strict=True)
    assert (again, len(calls)) == (key, 3)
    np.testing.assert_array_equal(stored.clouds, cached.clouds)


def test_a_touched_or_moved_set_is_recognised_by_its_content(tmp_path: Path, calls: list[str]) -> None:
    files = boxes(tmp_path / "set", 3)
    key, _ = open_clouds(files, tmp_path / "set", SAMPLING, strict=True)
    os.utime(files[0], (1, 1))
    assert open_clouds(files, tmp_path / "set", SAMPLING, strict=True)[0] == key
    moved = [write(tmp_path / "moved" / file.name, file.read_bytes()) for file in files]
    assert open_clouds(moved, tmp_path / "moved", SAMPLING, strict=True)[0] == key
    assert len(calls) == 3


@pytest.mark.parametrize(
    "other", [SAMPLING._replace(num_points=33), SAMPLING._replace(normals=True), SAMPLING._replace(seed=5)]
)
def test_every_setting_is_part_of_the_key(tmp_path: Path, calls: list[str], other: Sampling) -> None:
    files = boxes(tmp_path, 2)
    key, _ = open_clouds(files, tmp_path, SAMPLING, strict=True)
    changed, stored = open_clouds(files, tmp_path, other, strict=True)
    assert changed != key
    assert stored.clouds.shape == (2, other.num_points, other.channels)
    assert len(calls) == 4


def test_changed_content_is_noticed(tmp_path: Path, calls: list[str]) -> None:
    files = boxes(tmp_path, 2)
    key, before = open_clouds(files, tmp_path, SAMPLING, strict=True)
    write(files[1], BOX + b"\n")
    changed, after = open_clouds(files, tmp_path, SAMPLING, strict=True)
    assert changed != key
    np.testing.assert_array_equal(before.clouds[0], after.clouds[0])
    assert not np.array_equal(before.clouds[1], after.clouds[1])


def test_a_damaged_note_costs_a_hash_and_nothing_else(tmp_path: Path, calls: list[str]) -> None:
    files = boxes(tmp_path, 2)
    key, _ = open_clouds(files, tmp_path, SAMPLING, strict=True)
    (note,) = cache_folder().glob("points-of-*.json")
    for content in ("", "[1", '{"key": "../../etc"}', '{"key": 3}'):
        note.write_text(content)
        assert open_clouds(files, tmp_path, SAMPLING, strict=True)[0] == key
    assert len(calls) == 2


def test_a_bad_file_is_told_by_name_and_nothing_is_kept(tmp_path: Path) -> None:
    files = [*boxes(tmp_path, 2), write(tmp_path / "torn.off", BOX[:80])]
    with pytest.raises(DataError, match=r"cannot use the mesh '.*torn.off': the file is cut off; repair .*on_bad_file"):
        open_clouds(files, tmp_path, SAMPLING, strict=True)
    assert [path.name for path in cache_folder().iterdir() if path.suffix != ".lock"] == []


def test_bad_files_are_left_out_where_that_is_allowed_and_refused_where_it_no_longer_is(tmp_path: Path) -> None:
    files = [write(tmp_path / "0.off", BOX[:80]), *boxes(tmp_path / "sound", 2), tmp_path / "missing.off"]
    _, stored = open_clouds(files, tmp_path, SAMPLING, strict=False)
    assert stored.problems == {0: "the file is cut off", 3: "No such file or directory"}
    assert not stored.clouds[[0, 3]].any()
    np.testing.assert_array_equal(stored.clouds[1], sampled(files[1], SAMPLING).cloud)
    with pytest.raises(DataError, match=r"0\.off': the file is cut off"):
        open_clouds(files, tmp_path, SAMPLING, strict=True)


def test_repairs_are_counted_and_the_first_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vertices = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (float("nan"), 0.0, 0.0)]
    files = [*boxes(tmp_path, 1), write(tmp_path / "nan.off", off(vertices, [(0, 1, 2), (0, 1, 3)]))]
    with caplog.at_level(logging.WARNING):
        open_clouds(files, tmp_path, SAMPLING, strict=True)
    (message,) = caplog.messages
    assert message.startswith("1 of 2 meshes were repaired; the first: in '")
    assert message.endswith("nan.off' 1 of 2 faces have coordinates that are not finite")


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = boxes(tmp_path, 2)
    monkeypatch.setattr(module, "file_digests", lambda files: [b"other"] * len(files))
    with pytest.raises(DataError, match=r"000\.off' changed while the set was sampled"):
        open_clouds(files, tmp_path, SAMPLING, strict=True)


def kill(_: int) -> None:
    """Takes the process along that it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_process_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    with pytest.raises(DataError, match="a process that sampled surfaces was killed, perhaps for want of memory"):
        list(parallel.in_blocks(kill, range(40)))
