"""Images that are decoded for each batch, on a machine with little shared memory, as a container has by default."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import load_data, loader
from hmlc_ray.data.base import Split
from hmlc_ray.data.loader import epoch_batches
from hmlc_ray.errors import DataError, TrainingError
from hmlc_ray.training.memory import memory_errors

CPU = torch.device("cpu")
READ = """
import sys, numpy, torch
from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.loader import epoch_batches
def main():
    data = load_data(ImageFolderConfig(root=sys.argv[1], image_size=512, cache="none"))
    batches = epoch_batches(data.train, [numpy.arange(4)] * 3, torch.device("cpu"), "none")
    print(*(len(inputs) for inputs, _, _ in batches))
if __name__ == "__main__":
    main()
"""
LITTLE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$0" "$@"'


def make_images(root: Path) -> Path:
    """Twelve grey images of three leaves."""
    for name in ("animal/cat", "animal/dog", "thing/car"):
        (root / name).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (12, 10), (20 * i, 20 * i, 20 * i)).save(root / name / f"{i}{len(name)}{name[-1]}.png")
    return root


def files(root: Path) -> Split:
    return load_data(ImageFolderConfig.model_validate({"root": str(make_images(root)), "cache": "none"})).train


@pytest.mark.slow
def test_batches_larger_than_the_shared_memory_arrive(tmp_path: Path) -> None:
    prefix = LITTLE if os.geteuid() else ["unshare", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, MOUNT, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no /dev/shm of our own")
    script = tmp_path / "read.py"
    script.write_text(READ)
    command = [*prefix, MOUNT, sys.executable, str(script), str(make_images(tmp_path / "images"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stdout.split()) == (0, ["4", "4", "4"]), done.stderr


def test_a_batch_that_shared_memory_does_not_hold_is_passed_as_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [torch.arange(3), torch.from_numpy(np.arange(2))]
    shared = loader._handed_over([tensor.clone() for tensor in batch])
    assert all(isinstance(values, torch.Tensor) and values.is_shared() for values in shared)

    def full(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(
            "unable to allocate shared memory(shm) for file </torch_1_2_3>: No space left on device (28)"
        )

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    passed = loader._handed_over(batch)
    assert all(isinstance(values, np.ndarray) for values in passed)
    assert [values.tolist() for values in passed] == [[0, 1, 2], [0, 1]]


@pytest.mark.slow
def test_a_process_that_decodes_and_dies_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    split = files(tmp_path)
    loader._loader.cache_clear()
    batches = epoch_batches(split, [np.array([0])] * 100, CPU, "none")
    next(batches)
    for process in loader._loader(split, False)[0]._iterator._workers:  # type: ignore[union-attr]
        psutil.Process(process.pid).kill()
    with pytest.raises(DataError, match=r"^a process that decodes images exited, .*: lower data\.decode_workers"):
        list(batches)
    assert loader._loader.cache_info().currsize == 0, "the next trial of this process gets processes of its own"


@pytest.mark.parametrize(
    "lost",
    [
        RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"),
        ConnectionResetError(104, "Connection reset by peer"),
        ConnectionRefusedError(111, "Connection refused"),
        EOFError(),
        FileNotFoundError(2, "No such file or directory"),
    ],
    ids=lambda lost: type(lost).__name__,
)
def test_a_batch_of_a_process_that_has_died_meanwhile(
    lost: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had offered the batch before; when it dies decides what the reader of its shared memory meets."""

    def batches(_: object) -> Iterator[object]:
        yield [np.zeros((1, 4)), np.zeros(1), np.zeros(1)]
        raise lost

    loader._loader.cache_clear()
    monkeypatch.setattr("torch.utils.data.DataLoader.__iter__", batches)
    with pytest.raises(DataError, match=r"^a process that decodes images exited, .*: lower data\.decode_workers"):
        list(epoch_batches(files(tmp_path), [np.array([0])], CPU, "none"))
    assert loader._loader.cache_info().currsize == 0


@pytest.mark.parametrize(
    "words", ["unable to allocate shared memory(shm) for file </torch_1>", "Error while creating shared memory segment"]
)
def test_shared_memory_that_is_full_is_told(words: str) -> None:
    with (
        pytest.raises(TrainingError, match=r"^the shared memory \(/dev/shm\) is too small: .*--shm-size"),
        memory_errors(),
    ):
        raise RuntimeError(f"NCCL error\n{words} /dev/shm/nccl-1 (size 1)")
