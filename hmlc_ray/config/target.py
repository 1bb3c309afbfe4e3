"""A data set named on the command line: by its kind, or by a file that describes a run on it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import parse_override
from hmlc_ray.config.schema import kinds, nearest
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError


def load_target(target: str, overrides: Iterable[str] = ()) -> TrialConfig:
    """The configuration of a trial file, of the base of a search space, or of a kind of data with defaults elsewhere.

    Raises:
        ConfigError: if it is neither a kind nor a file; see `load_trial`.
    """
    known = kinds(TrialConfig.model_fields["data"])
    if target in known:
        values = apply_overrides(TrialConfig, {"data": {"kind": target}}, map(parse_override, overrides))
        return validate(TrialConfig, values, target)
    if not Path(target).exists() and not target.endswith((".yaml", ".yml")):
        raise ConfigError(
            f"{target!r} is neither a file nor a kind of data{nearest(target, known)}; the kinds are {', '.join(known)}"
        )
    return load_trial(target, overrides)
