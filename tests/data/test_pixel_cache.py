"""Images are decoded once on a machine, whatever happens to processes, files and the disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from made_images import make_images
from PIL import Image

from hmlc_ray.arrays import ByteArray
from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import images, load_data, pixel_cache, stored
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.decode import Reading
from hmlc_ray.data.pixel_cache import digests_of
from hmlc_ray.errors import DataError
from hmlc_ray.home import cache_folder

COUNT = 15
LOAD = """
import sys
from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import images, load_data
decoded, decode = [], images.decode
images.decode = lambda *args: (decoded.append(args), decode(*args))[1]
data = load_data(ImageFolderConfig(root=sys.argv[1], image_size=8, cache=sys.argv[2]))
print(len(decoded), data.fingerprint)
"""


def config(root: Path, **values: object) -> ImageFolderConfig:
    return ImageFolderConfig.model_validate({"root": str(root), "image_size": 8, **values})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_images(tmp_path / "images", count=5)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are decoded in this process, in their order."""
    names: list[str] = []
    decode = images.decode

    def count(file: str | Path, channels: int, size: int, reading: Reading) -> ByteArray:
        names.append(str(file))
        return decode(file, channels, size, reading)

    monkeypatch.setattr(images, "decode", count)
    return names


def entries() -> list[Path]:
    return sorted(cache_folder().glob("images-*[!k]")) if cache_folder().exists() else []


def start(root: Path, cache: str = "disk") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(root), cache], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def samples(data: DataSet) -> torch.Tensor:
    return torch.cat([part.at(torch.arange(len(part))) for part in (data.train, data.val, data.test) if part])


@pytest.mark.parametrize("cache", ["auto", "device", "memory", "disk"])
def test_the_second_time_nothing_is_decoded(root: Path, decoded: list[str], cache: str) -> None:
    first = load_data(config(root, cache=cache))
    assert len(decoded) == COUNT
    again = load_data(config(root, cache=cache))
    assert len(decoded) == COUNT
    assert torch.equal(samples(first), samples(again))
    assert first.fingerprint == again.fingerprint


def test_every_place_gives_the_same_samples_and_fingerprint(root: Path, decoded: list[str]) -> None:
    memory, disk, none = (load_data(config(root, cache=cache)) for cache in ("memory", "disk", "none"))
    assert len(decoded) == 2 * COUNT, "one pass for pixels and one for digests alone"
    assert torch.equal(samples(memory), samples(disk))
    assert torch.equal(samples(memory), samples(none))
    assert memory.fingerprint == disk.fingerprint == none.fingerprint
    assert (memory.train.mapped, disk.train.mapped) == (False, True)
    load_data(config(root, cache="none"))
    assert len(decoded) == 3 * COUNT, "the samples above, but no third pass"


def test_splits_and_seeds_share_the_pixels(root: Path, decoded: list[str]) -> None:
    one = load_data(config(root, cache="disk"))
    other = load_data(config(root, cache="disk", split_seed=1, train_on="train+val"))
    assert len(decoded) == COUNT
    assert one.fingerprint != other.fingerprint
    assert len(other.train) == len(one.train) + len(one.val or ())


@pytest.mark.parametrize(
    "change",
    [
        lambda root: os.utime(root / "animal/cat/0.png", ns=(1, 1)),
        lambda root: Image.new("RGB", (9, 9)).save(root / "animal/cat/new.png"),
        lambda root: (root / "animal/cat/0.png").rename(root / "animal/cat/9.png"),
    ],
    ids=["time", "new file", "name"],
)
def test_changed_files_are_decoded_again(root: Path, decoded: list[str], change: Callable[[Path], object]) -> None:
    load_data(config(root))
    change(root)
    load_data(config(root))
    assert len(decoded) > COUNT
    assert len(entries()) == 2


def test_other_settings_are_another_entry(root: Path, decoded: list[str]) -> None:
    others = (
        {"image_size": 9},
        {"channels": 1},
        {"background": [0, 0, 0]},
        {"value_range": [0, 1]},
        {"max_pixels": 999},
    )
    for values in ({}, *others):
        load_data(config(root, **values))
    assert len(decoded) == (1 + len(others)) * COUNT


def _cut(name: str) -> Callable[[Path], object]:
    return lambda entry: (entry / name).write_bytes((entry / name).read_bytes()[:-1])


def _edit_meta(**values: object) -> Callable[[Path], object]:
    def edit(entry: Path) -> None:
        meta = json.loads((entry / "meta.json").read_text())
        (entry / "meta.json").write_text(json.dumps(meta | values))

    return edit


DAMAGES: dict[str, Callable[[Path], object]] = {
    "pixels cut": _cut("images.bin"),
    "pixels gone": lambda entry: (entry / "images.bin").unlink(),
    "digests cut": _cut("digests.bin"),
    "digests changed": lambda entry: (entry / "digests.bin").write_bytes(bytes(COUNT * 16)),
    "meta cut": _cut("meta.json"),
    "no meta": lambda entry: (entry / "meta.json").unlink(),
    "other version": _edit_meta(version=pixel_cache.VERSION + 1),
    "wrong types": _edit_meta(shape="x", problems=[]),
    "half-written by a process that was killed": lambda entry: (
        shutil.rmtree(entry),
        (entry.with_suffix(".partial")).mkdir(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_noticed_and_made_again(
    root: Path, decoded: list[str], damage: Callable[[Path], object]
) -> None:
    before = load_data(config(root, cache="disk"))
    wanted = samples(before).clone()
    (entry,) = entries()
    damage(entry)
    after = load_data(config(root, cache="disk"))
    assert len(decoded) == 2 * COUNT
    assert torch.equal(samples(after), wanted)
    assert before.fingerprint == after.fingerprint
    load_data(config(root, cache="disk"))
    assert len(decoded) == 2 * COUNT


def test_a_bad_image_leaves_nothing_behind_unless_it_is_skipped(root: Path, decoded: list[str]) -> None:
    (root / "thing/car/3.png").write_text("no image")
    with pytest.raises(DataError, match=r"cannot read the image .*car/3\.png"):
        load_data(config(root))
    assert entries() == []
    data = load_data(config(root, on_bad_file="skip"))
    assert len(samples(data)) == COUNT - 1
    count = len(decoded)
    with pytest.raises(DataError, match=r"cannot read the image .*car/3\.png.*on_bad_file: skip"):
        load_data(config(root))
    assert len(decoded) == count, "known from the cache"


def test_a_cache_that_cannot_be_written_is_one_sentence(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HMLC_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cache of decoded images in .*file' cannot be written .*HMLC_CACHE") as caught:
        load_data(config(root))
    assert "\n" not in str(caught.value)


def test_too_little_room_is_told_before_anything_is_decoded(
    root: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(root)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(DataError, match=r"cannot be written .*are needed.*data.cache: none"):
        load_data(config(root))
    assert decoded == entries() == []


def test_auto_takes_the_first_place_with_room(root: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    places = {}
    for name, memory, disk in (("memory", 1.0, 1.0), ("disk", 0.0, 1.0), ("none", 0.0, 0.0)):
        monkeypatch.setattr(stored, "_MEMORY_SHARE", memory)
        monkeypatch.setattr(stored, "_DISK_SHARE", disk)
        monkeypatch.setenv("HMLC_CACHE", str(root.parent / name))
        data = load_data(config(root))
        places[name] = "none" if isinstance(data.train.inputs, images.ImageFiles) else "memory"
        places[name] = "disk" if data.train.mapped else places[name]
    assert places == {"memory": "memory", "disk": "disk", "none": "none"}


def test_a_mapped_file_is_not_changed_through_the_samples(root: Path) -> None:
    data = load_data(config(root, cache="disk"))
    before = samples(data).clone()
    assert isinstance(data.train.inputs, torch.Tensor)
    data.train.inputs.zero_()
    assert torch.equal(samples(load_data(config(root, cache="disk"))), before)


def test_digests_tell_samples_apart() -> None:
    rows = np.arange(60, dtype=np.float32).reshape(5, 3, 4)
    rows[4] = rows[0]
    found = digests_of(rows)
    assert found.shape == (5, 16)
    assert len({digest.tobytes() for digest in found}) == 4
    assert (found[0] == found[4]).all()


@pytest.mark.slow
def test_processes_that_start_together_decode_once(root: Path) -> None:
    """Whoever comes second waits for the first, and reads what it wrote."""
    running = [start(root) for _ in range(3)]
    done = [process.communicate(timeout=200) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], done
    counts, prints = zip(*(out.split() for out, _ in done), strict=True)
    assert sorted(map(int, counts)) == [0, 0, COUNT]
    assert len(set(prints)) == 1
    assert [path.name for path in cache_folder().iterdir() if path.suffix == ".partial"] == []


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_leaves_nothing(root: Path) -> None:
    """A limit on the size of files refuses the write as a full disk would."""
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" + LOAD.replace(
        "data = ", "from hmlc_ray.errors import DataError\ntry: data = "
    ).replace("print(", "except DataError as error: print(error); raise SystemExit(2)\nprint(")
    done = subprocess.run([sys.executable, "-c", program, str(root), "disk"], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "cannot be written (File too large)" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert entries() == []
