"""The deployment files, and what they are checked against."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker" / "compose.yaml"
DOCKERFILES = [ROOT / "docker" / f"Dockerfile.{kind}" for kind in ("cpu", "gpu")]
SCRIPTS = [
    ROOT / "docker" / "mlflow-server",
    ROOT / "docker" / "make-secrets",
    ROOT / "cluster" / "slurm" / "sweep.sbatch",
]
KUBERAY = sorted((ROOT / "cluster" / "kuberay").glob("*.yaml"))
RAY_UP = sorted((ROOT / "cluster" / "ray-up").glob("*.yaml"))
ALL = [COMPOSE, *DOCKERFILES, *SCRIPTS, *KUBERAY, *RAY_UP]


def documents(file: Path) -> list[dict[str, Any]]:
    """The YAML documents of a file; variables of a compose file at their defaults."""
    return list(yaml.safe_load_all(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", file.read_text(encoding="utf-8"))))


def walk(value: Any) -> Iterator[Any]:
    """A value and every value inside it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from walk(part)
