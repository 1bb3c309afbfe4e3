"""How an embedded Ray is started: with the CPUs and the memory of this process, in a private folder of this user's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hmlc_ray.errors import ClusterError
from hmlc_ray.machine.cgroups import memory_limit
from hmlc_ray.machine.cpus import usable_cpus
from hmlc_ray.machine.scratch import (
    LONGEST_SOCKET,
    TMPDIR,
    fits_sockets,
    private_folder,
    short_private_folder,
)
from hmlc_ray.sweep.cluster.internals import get_system_memory

_RAYS_OWN = "RAY_TMPDIR"
_ROOM = len("/session_2026-11-26_04-10-25_123456_1234567/sockets/plasma_store.1") + len("/ray")
_HEAP_SHARE = 0.7
"""Share of the memory that trials can ask for, as in Ray."""


def options() -> dict[str, Any]:
    """Arguments of `ray.init`.

    Left to itself Ray counts all CPUs of the machine, also where this process may use fewer, and sees the limits of the
    outermost control group alone. Its folder would be `/tmp/ray`, which all users share and whoever came first owns.

    Raises:
        ClusterError: if the folder for temporary files cannot be used.
        ConfigError: the same, and if `HMLC_CPUS` is not a number.
    """
    options: dict[str, Any] = {"num_cpus": usable_cpus(), "_temp_dir": str(_folder() / "ray")}
    limit = memory_limit()
    if limit is not None and limit < get_system_memory():
        options["_memory"] = int(limit * _HEAP_SHARE)
    return options


def _folder() -> Path:
    """A private folder that is short enough for Ray's sockets.

    Raises:
        ClusterError: naming the variable that is wrong.
    """
    for name in (_RAYS_OWN, TMPDIR):
        given = os.environ.get(name)
        if given and not (os.path.isdir(given) and os.access(given, os.W_OK | os.X_OK)):
            fault = "cannot be written" if os.path.isdir(given) else "is not a folder"
            raise ClusterError(f"{name} is {given}, which {fault}: set {name} to a folder that you can write to")
    own = os.environ.get(_RAYS_OWN)
    if not own:
        return short_private_folder(_ROOM)
    folder = private_folder(own)
    if not fits_sockets(folder, _ROOM):
        raise ClusterError(
            f"{_RAYS_OWN} is {own}, whose path is too long for Ray's sockets: it may have "
            f"{LONGEST_SOCKET - _ROOM - len(os.fsencode(folder)) + len(os.fsencode(own))} bytes"
        )
    return folder
