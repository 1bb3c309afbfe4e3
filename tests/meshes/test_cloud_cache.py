"""The cache of sampled clouds: whole or not there, whatever happens to the process that writes it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from made_meshes import BOX, write

from hmlc_ray.errors import DataError
from hmlc_ray.home import cache_folder
from hmlc_ray.meshes import cloud_cache
from hmlc_ray.meshes.cloud_cache import Block, Shape, open_stored

SHAPE: Shape = (5, 4, 3)
CLOUDS = np.arange(60, dtype=np.float32).reshape(SHAPE)


class Maker:
    """Gives the clouds in two blocks, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Iterator[Block]:
        self.calls += 1
        yield Block(CLOUDS[:3], {1: "torn"})
        yield Block(CLOUDS[3:], {})


def entry(key: str = "k") -> Path:
    return cache_folder() / f"points-{key}"


def left_over() -> list[str]:
    """Whatever lies in the cache but locks, which are empty and stay."""
    return sorted(path.name for path in cache_folder().iterdir() if path.suffix != ".lock")


def test_an_array_is_made_once_and_mapped_without_a_copy() -> None:
    make = Maker()
    first, again = open_stored("k", SHAPE, make), open_stored("k", SHAPE, make)
    assert make.calls == 1
    for stored in (first, again):
        np.testing.assert_array_equal(stored.clouds, CLOUDS)
        assert isinstance(stored.clouds, np.memmap)
        assert stored.problems == {1: "torn"}
    assert left_over() == ["points-k"]


def test_what_a_trial_writes_into_its_clouds_stays_with_it() -> None:
    open_stored("k", SHAPE, Maker()).clouds[:] = -1
    np.testing.assert_array_equal(open_stored("k", SHAPE, Maker()).clouds, CLOUDS)


def damage_truncate() -> None:
    os.truncate(entry() / "points.npy", 200)


def damage_header() -> None:
    (entry() / "points.npy").write_bytes(b"\x93NUMPY\x01")


def damage_pickle() -> None:
    np.save(entry() / "points.npy", np.array([{}], dtype=object), allow_pickle=True)


def damage_type() -> None:
    np.save(entry() / "points.npy", CLOUDS.astype(np.float64))


def damage_meta() -> None:
    (entry() / "meta.json").write_text('{"version": 1, "sha')


def damage_meta_kind() -> None:
    (entry() / "meta.json").write_text("[]")


def damage_missing() -> None:
    (entry() / "meta.json").unlink()


@pytest.mark.parametrize(
    "damage",
    [damage_truncate, damage_header, damage_pickle, damage_type, damage_meta, damage_meta_kind, damage_missing],
)
def test_a_damaged_entry_is_noticed_and_made_again(damage: Callable[[], None]) -> None:
    make = Maker()
    open_stored("k", SHAPE, make)
    damage()
    np.testing.assert_array_equal(open_stored("k", SHAPE, make).clouds, CLOUDS)
    assert make.calls == 2
    assert left_over() == ["points-k"]


def test_an_entry_of_another_version_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    open_stored("k", SHAPE, make)
    monkeypatch.setattr(cloud_cache, "VERSION", cloud_cache.VERSION + 1)
    open_stored("k", SHAPE, make)
    assert make.calls == 2
    open_stored("k", SHAPE, make)
    assert make.calls == 2


@pytest.mark.parametrize("failing", ["write", "fsync", "rename"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if failing == "write":
        monkeypatch.setattr(cloud_cache, "_fill", full)
    elif failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(
        DataError, match=r"cannot be written to .* \(No space left on device\); make room, or .*HMLC_CACHE"
    ):
        open_stored("k", SHAPE, Maker())
    assert left_over() == []


def test_too_little_room_is_found_out_before_anything_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(DataError, match="there is too little room"):
        open_stored("k", SHAPE, make)
    assert make.calls == 0
    assert left_over() == []


def test_a_cache_that_is_a_file_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_CACHE", str(write(tmp_path / "file", b"")))
    with pytest.raises(DataError, match="cannot be written to"):
        open_stored("k", SHAPE, Maker())


def test_an_error_of_the_maker_leaves_nothing() -> None:
    def failing() -> Iterator[Block]:
        yield Block(CLOUDS[:3], {})
        raise DataError("torn")

    with pytest.raises(DataError, match="torn"):
        open_stored("k", SHAPE, failing)
    assert left_over() == []


# --- real processes -----------------------------------------------------------------------------------------------

OPEN = """
import sys, time
from pathlib import Path
from hmlc_ray.meshes import files
from hmlc_ray.meshes.files import Sampling, open_clouds
root, log, wait = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "wait"
inner = files.sampled
def noted(file, sampling):
    with log.open("a") as stream:
        stream.write("x")
    while wait:
        time.sleep(0.05)
    return inner(file, sampling)
files.sampled = noted
key, stored = open_clouds(sorted(root.glob("*.off")), root, Sampling(16, False, 0), strict=True)
print(key, stored.clouds.sum())
"""


def start(root: Path, log: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPEN, str(root), str(log), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def boxes(root: Path, count: int = 6) -> Path:
    for number in range(count):
        write(root / f"{number}.off", BOX.replace(b"0.5000000000", b"0.%d000000000" % (number + 1)))
    return root


@pytest.mark.slow
def test_of_processes_that_start_at_once_one_samples(tmp_path: Path) -> None:
    root, log = boxes(tmp_path / "set"), tmp_path / "log"
    started = [start(root, log, "go") for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], outputs
    assert len({out for out, _ in outputs}) == 1
    assert len(log.read_text()) == 6


@pytest.mark.slow
def test_after_a_killed_writer_the_next_one_makes_it(tmp_path: Path) -> None:
    root, log = boxes(tmp_path / "set"), tmp_path / "log"
    writer = start(root, log, "wait")
    deadline = time.monotonic() + 200
    while not log.exists() or not any(cache_folder().glob("*.partial")):
        assert time.monotonic() < deadline
        assert writer.poll() is None, writer.communicate()
        time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=60)
    assert [name for name in left_over() if name.endswith(".partial")]
    out, err = start(root, log, "go").communicate(timeout=120)
    assert out, err
    assert [name for name in left_over() if name.endswith(".partial")] == []
