"""What the shell completes: names of studies in the home folder, without loading MLflow or Ray."""

from __future__ import annotations

import os
from contextlib import suppress
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
    from hmlc_ray.config.packaged import configuration_file
    from hmlc_ray.errors import ConfigError

    # Before an option that lacks its value yet, nothing is parsed: the words are in `args` as they are.
    given = (context.params.get("space"), context.params.get("file"), *context.args)
    profiles: object = None
    for file in filter(None, given):
        with suppress(ConfigError):  # not a file, or a wrong one, which the command itself will report
            profiles = profiles or load_yaml(configuration_file(file)).get("profiles")
    return [str(name) for name in profiles if str(name).startswith(incomplete)] if isinstance(profiles, dict) else []


def _home(context: typer.Context) -> Path:
    from hmlc_ray.home import DEFAULT, VARIABLE

    return Path(context.params.get("home") or os.environ.get(VARIABLE) or DEFAULT).expanduser()


def complete_kinds(incomplete: str) -> list[str]:
    """Kinds of data that begin so."""
    from hmlc_ray.config.schema import kinds
    from hmlc_ray.config.trial import TrialConfig

    return [kind for kind in kinds(TrialConfig.model_fields["data"]) if kind.startswith(incomplete)]
