"""What the shell completes: names of studies in the home folder, without loading MLflow or Ray."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def complete_studies(context: typer.Context, incomplete: str) -> list[str]:
    """Names of studies that begin so."""
    from hmlc_ray.study.folder import SWEEP_FILE

    names = (file.parent.name for file in _home(context).glob(f"studies/*/{SWEEP_FILE}"))
    return sorted(name for name in names if name.startswith(incomplete))


def complete_runs(context: typer.Context, incomplete: str) -> list[str]:
    """Names of studies and ids of single runs that begin so."""
    ids = (path.name for path in _home(context).glob("runs/*/"))
    return complete_studies(context, incomplete) + sorted(name for name in ids if name.startswith(incomplete))


def complete_profiles(context: typer.Context, incomplete: str) -> list[str]:
    """Entries of the file's `profiles` that begin so."""
    from hmlc_ray.config.load import load_yaml
    from hmlc_ray.errors import ConfigError

    file = context.params.get("space") or context.params.get("file")
    try:
        profiles = load_yaml(file).get("profiles") if file else None
    except ConfigError:  # the command itself will say what is wrong
        return []
    return [str(name) for name in profiles if str(name).startswith(incomplete)] if isinstance(profiles, dict) else []


def _home(context: typer.Context) -> Path:
    from hmlc_ray.home import DEFAULT, VARIABLE

    return Path(context.params.get("home") or os.environ.get(VARIABLE) or DEFAULT).expanduser()


def complete_kinds(incomplete: str) -> list[str]:
    """Kinds of data that begin so."""
    from hmlc_ray.config.schema import kinds
    from hmlc_ray.config.trial import TrialConfig

    return [kind for kind in kinds(TrialConfig.model_fields["data"]) if kind.startswith(incomplete)]
