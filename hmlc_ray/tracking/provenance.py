"""The code and the process that wrote a run."""

from __future__ import annotations

import subprocess
from functools import cache

from hmlc_ray import __version__
from hmlc_ray.study import schema
from hmlc_ray.tracking.drivers import identity


def provenance() -> dict[str, str]:
    """Tags of the running code and process: the package's version and, in a git repository, the commit."""
    commit, own = _git_commit(), {schema.VERSION: __version__, schema.DRIVER: identity()}
    if commit is None:
        return own
    return own | {schema.GIT_COMMIT: commit, schema.SOURCE_COMMIT: commit.removesuffix("-dirty")}


@cache
def _git_commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
