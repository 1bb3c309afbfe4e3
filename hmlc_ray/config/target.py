"""A data set named on the command line: by its kind, or by a file that describes a run on it."""

from __future__ import annotations

from pathlib import Path

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.packaged import packaged
from hmlc_ray.config.paths import Overrides, parse_overrides
from hmlc_ray.config.plain import Source
from hmlc_ray.config.plugins import no_plugin_hint
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.nearest import nearest


def load_target(target: Source, overrides: Overrides = ()) -> TrialConfig:
    """The configuration of a trial, of the base of a search space, or of a kind of data with defaults elsewhere.

    Raises:
        ConfigError: if it is neither a kind nor a file; see `load_trial`.
    """
    known = kinds(TrialConfig.model_fields["data"])
    if isinstance(target, str) and target in known:
        values = apply_overrides(TrialConfig, {"data": {"kind": target}}, parse_overrides(overrides))
        return validate(TrialConfig, values, target)
    if isinstance(target, str) and not _may_be_file(target):
        raise ConfigError(
            f"{target!r} is neither a file nor a kind of data{nearest(target, known)}; the kinds are {', '.join(known)}"
            f"{no_plugin_hint('data', target, known)}"
        )
    return load_trial(target, overrides)


def _may_be_file(target: str) -> bool:
    return Path(target).exists() or target.endswith((".yaml", ".yml")) or target in packaged()
