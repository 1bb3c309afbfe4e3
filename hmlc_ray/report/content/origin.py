"""Where a run came from, and what this report was made with."""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from hmlc_ray import __version__
from hmlc_ray.study import schema
from hmlc_ray.tracking import TrialRun

_PACKAGES = ("torch", "torchvision", "ray", "optuna", "mlflow", "scikit-learn", "numpy")
Facts = tuple[tuple[str, str], ...]


def origin_of(run: TrialRun) -> Facts:
    """What the tags of a run say of its origin."""
    named = (
        ("hmlc-ray", schema.VERSION),
        ("git commit", schema.GIT_COMMIT),
        ("plug-ins", schema.PLUGINS),
        ("seed", schema.SEED),
        ("data fingerprint", schema.DATA_FINGERPRINT),
        ("taxonomy digest", schema.TAXONOMY_DIGEST),
        ("samples kept in", schema.DATA_PLACE),
        ("CPU threads", schema.CPU_THREADS),
    )
    known = [(name, run.tags[tag]) for name, tag in named if run.tags.get(tag)]
    return (("MLflow run", run.run_id), *known, *_driver(run))


def _driver(run: TrialRun) -> Facts:
    with suppress(KeyError, ValueError):
        host = json.loads(run.tags[schema.DRIVER]).get("host")
        return (("driver's machine", str(host)),) if host else ()
    return ()


def environment() -> Facts:
    """This process: what the report was made with."""
    packages = []
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            packages.append((name, version(name)))
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (("made", now), ("hmlc-ray", __version__), ("Python", platform.python_version()), *packages)
