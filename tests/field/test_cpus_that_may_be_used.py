"""Affinity, cgroup quotas and Slurm decide how many CPUs are used, not the size of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.data import loader
from hmlc_ray.data.base import Split
from hmlc_ray.data.images import ImageFiles
from hmlc_ray.errors import ConfigError
from hmlc_ray.machine import cpus
from hmlc_ray.machine.cgroups import cpu_quota, memory_limit
from hmlc_ray.machine.cpus import usable_cpus, usable_threads
from hmlc_ray.meshes import parallel
from hmlc_ray.sweep.cluster import local
from hmlc_ray.sweep.doctor.checks import _cpus
from hmlc_ray.sweep.doctor.nodes import Node
from hmlc_ray.training.seeding import kernels

V2 = "36 24 0:31 {top} {where} rw,relatime - cgroup2 cgroup2 rw\n"
V1 = "33 31 0:30 {top} {where} rw - cgroup cgroup rw,{controller}\n"
Files = dict[str, str]


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[Files], Path]:
    def made(files: Files) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return made


def v2(group: str, top: str = "/", where: str = "/sys/fs/cgroup", **limits: str) -> Files:
    return {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + V2.format(top=top, where=where),
        **{f"{where.strip('/')}/{name}": text for name, text in limits.items()},
    }


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        (v2("/", **{"cpu.max": "150000 100000\n"}), 1.5),
        (v2("/", **{"cpu.max": "max 100000\n"}), None),
        # A systemd unit, of a slice with a quota of its own: the least counts, wherever it is.
        (v2("/a/b", **{"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}), 2.0),
        (v2("/a/b", **{"a/cpu.max": "300000 100000", "a/b/cpu.max": "50000 100000"}), 0.5),
        # A container that is not told its own place: what it sees as the root is its own group.
        (v2("/docker/1f", top="/docker/1f", **{"cpu.max": "400000 100000"}), 4.0),
        (v2("/../../init.scope", **{"cpu.max": "400000 100000"}), 4.0),
        (v2("/a", where="/mnt/with space", **{"a/cpu.max": "400000 100000"}), None),  # written with \\040 by the kernel
        (v2("/", **{"cpu.max": "nonsense"}), None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_quota_of_version_2_is_looked_for_in_all_groups_above(
    tree: Callable[[Files], Path], files: Files, quota: float | None
) -> None:
    assert cpu_quota(tree(files)) == quota


def test_a_mount_with_a_space_in_its_name(tree: Callable[[Files], Path]) -> None:
    files = v2("/a", where="/mnt/with space", **{"a/cpu.max": "400000 100000"})
    files["proc/self/mountinfo"] = files["proc/self/mountinfo"].replace("with space", "with\\040space")
    assert cpu_quota(tree(files)) == 4.0


@pytest.mark.parametrize(("quota", "expected"), [("150000", 1.5), ("-1", None)])
def test_the_quota_of_version_1(tree: Callable[[Files], Path], quota: str, expected: float | None) -> None:
    where = "sys/fs/cgroup/cpu,cpuacct"
    files = {
        "proc/self/cgroup": "4:memory:/job\n2:cpu,cpuacct:/job/step\n0::/\n",
        "proc/self/mountinfo": V1.format(top="/", where=f"/{where}", controller="cpu,cpuacct")
        + V1.format(top="/", where="/sys/fs/cgroup/memory", controller="memory"),
        f"{where}/job/cpu.cfs_quota_us": f"{quota}\n",
        f"{where}/job/cpu.cfs_period_us": "100000\n",
        f"{where}/job/step/cpu.cfs_quota_us": "-1\n",
        f"{where}/job/step/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1073741824\n",
    }
    root = tree(files)
    assert cpu_quota(root) == expected
    assert memory_limit(root) == 2**30


def test_a_memory_limit_reaches_an_embedded_ray(tree: Callable[[Files], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(v2("/a", **{"memory.max": "max", "a/memory.max": str(2**30)}))
    monkeypatch.setattr(local, "memory_limit", lambda: memory_limit(root))
    found = local.options()
    assert found["_memory"] == int(0.7 * 2**30)
    monkeypatch.setattr(local, "memory_limit", lambda: None)
    assert "_memory" not in local.options()


@pytest.mark.parametrize(
    ("environment", "quota", "expected"),
    [
        ({}, "max", 8),
        ({}, "250000", 2),  # rounded down
        ({}, "30000", 1),  # and at least 1
        ({"SLURM_JOB_ID": "1", "SLURM_CPUS_PER_TASK": "3", "SLURM_CPUS_ON_NODE": "6"}, "max", 3),
        ({"SLURM_JOB_ID": "1", "SLURM_CPUS_ON_NODE": "64"}, "max", 8),
        ({"SLURM_CPUS_PER_TASK": "3"}, "max", 8),  # left over, no job
        ({"SLURM_JOB_ID": "1", "SLURM_CPUS_ON_NODE": "72(x2)"}, "max", 8),
        ({"HMLC_CPUS": "16"}, "250000", 16),
    ],
)
def test_the_least_of_all_limits_counts(
    tree: Callable[[Files], Path],
    environment: dict[str, str],
    quota: str,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    root = tree(v2("/", **{"cpu.max": f"{quota} 100000"}))
    assert usable_cpus(environment, root) == expected


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HMLC_CPUS must be a number of CPUs, at least 1"):
        usable_cpus({"HMLC_CPUS": text})


def test_without_affinity_the_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    monkeypatch.setattr(cpus, "cpu_quota", lambda _: None)
    assert usable_cpus({}) == 10


@pytest.mark.parametrize(("given", "expected"), [("2", 2), ("2,1", 2), ("64", 4), ("", 4), ("many", 4), ("0", 4)])
def test_threads_follow_what_ray_and_openmp_are_told(given: str, expected: int) -> None:
    assert usable_threads({"HMLC_CPUS": "4", "OMP_NUM_THREADS": given}) == expected


def test_torch_and_the_processes_for_meshes_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_CPUS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    with kernels(TrainingConfig(), torch.device("cpu")):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert parallel.cpu_count() == 1
    assert local.options()["num_cpus"] == 1


def test_no_more_processes_decode_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[bool] = []
    made: list[int] = []
    monkeypatch.setattr(loader, "prepare_sockets", lambda: settled.append(True))
    monkeypatch.setattr(loader, "DataLoader", lambda *_, num_workers, **__: made.append(num_workers))
    split = Split(ImageFiles(["a.png"], 3, 8, 4), torch.zeros(1, 2, dtype=torch.int64))
    for usable in ("1", "16"):
        monkeypatch.setenv("HMLC_CPUS", usable)
        loader._loader.__wrapped__(split, False)
    assert (made, settled) == ([1, 4], [True, True])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_a_process_that_was_pinned_uses_one_cpu(tmp_path: Path) -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from hmlc_ray.machine.cpus import usable_cpus, usable_threads\n"
        "from hmlc_ray.meshes.parallel import cpu_count\n"
        "print(usable_cpus(), usable_threads(), cpu_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout.split() == ["1", "1", "1"]


def test_doctor_names_a_node_of_which_ray_counts_too_much() -> None:
    node = Node("n1", {}, [], None, None, 0.0, False, cpus=1, counted_cpus=2.0)
    assert _cpus([node]).text == "Ray counts 2 on n1, of which 1 can be used: start that node with --num-cpus"
    assert _cpus([node]).level == "note"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_doctor_counts_what_a_pinned_command_may_use(tmp_path: Path) -> None:
    first = min(os.sched_getaffinity(0))
    env = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    env |= {"HMLC_HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled", "COLUMNS": "200"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hmlc")), "doctor"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        preexec_fn=lambda: os.sched_setaffinity(0, {first}),
    )
    assert "1 node: 1 CPU," in done.stdout, done.stdout + done.stderr
