"""Ray's locks of file transfers in a private folder, by importing this module: the driver and the trials do.

Ray's own folder for them, `_ray_lockfiles` in the temporary directory, is one for all users of a machine: whoever came
first owns it, and nobody else can resume a study.
"""

from __future__ import annotations

from hmlc_ray.machine.scratch import private_folder
from hmlc_ray.sweep.cluster.internals import keep_locks_in


class _Private:
    """The private folder, made when the first lock is: Ray joins it to the temporary directory."""

    def __fspath__(self) -> str:
        return str(private_folder() / "locks")


keep_locks_in(_Private())
