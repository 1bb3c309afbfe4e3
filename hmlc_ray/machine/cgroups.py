"""The control groups of this process (Linux): where its limits of CPU time and memory are written.

A limit counts wherever in the hierarchy it is set. A container sees its own group as the root; a systemd unit, a
Slurm step or a container without a namespace of its own lies deeper, and so do its limits.
https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

ROOT = Path("/")
_UNLIMITED = 2**60
"""Version 1 writes the largest multiple of a page where memory is not limited."""


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPUs' worth of time that this process is allowed in all, the least of its groups; None where there is no limit.

    Args:
        root: of the file system that `proc` and the mounted hierarchies are looked up in.
    """
    quotas = []
    for folder in _folders("cpu", root):
        with suppress(OSError, ValueError):
            quota, period = _bandwidth(folder)
            if quota > 0 and period > 0:
                quotas.append(quota / period)
    return min(quotas, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes of memory that this process and its like are allowed in all; None where there is no limit."""
    limits = []
    for folder in _folders("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text(encoding="ascii")))
    return min((limit for limit in limits if limit < _UNLIMITED), default=None)


def _bandwidth(folder: Path) -> tuple[int, int]:
    """(quota, period), microseconds; `max` and -1 mean that there is no limit."""
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except FileNotFoundError:
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period"))
    return (-1 if quota.strip() == "max" else int(quota)), int(period)


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """The folders of this process's groups, from the innermost to the outermost that can be seen."""
    with suppress(OSError, ValueError):
        groups = _groups(controller, root)
        for mount, top, kind in _mounts(controller, root):
            if kind in groups:
                inner = _below(groups[kind], top)
                for part in (inner, *inner.parents):
                    yield root / mount.lstrip("/") / part


def _groups(controller: str, root: Path) -> dict[str, str]:
    """The path of this process's group by the kind of hierarchy: `cgroup2`, or `cgroup` with this controller."""
    groups = {}
    for line in (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            groups["cgroup2"] = path
        elif controller in controllers.split(","):
            groups["cgroup"] = path
    return groups


def _mounts(controller: str, root: Path) -> Iterator[tuple[str, str, str]]:
    """(where, which group lies there, kind) of each mounted hierarchy that can hold this controller's limits."""
    text = (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.partition(" ")
        if kind == "cgroup2" or (kind == "cgroup" and controller in options.rpartition(" ")[2].split(",")):
            _, _, _, top, mount, *_ = left.split(" ")
            yield _unescaped(mount), _unescaped(top), kind


def _below(group: str, top: str) -> PurePosixPath:
    """The group relative to the one that is mounted; the mounted one itself where the group lies elsewhere."""
    path = PurePosixPath(group)
    if ".." not in path.parts and path.is_relative_to(top):
        return path.relative_to(top)
    return PurePosixPath()


def _unescaped(path: str) -> str:
    """As mountinfo writes spaces and the like: three octal digits."""
    return path.encode("latin-1", "surrogateescape").decode("unicode_escape") if "\\" in path else path
