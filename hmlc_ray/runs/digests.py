"""SHA-256 of files that a configuration names; without torch."""

from __future__ import annotations

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.files.digests import known_sha256
from hmlc_ray.files.imposters import is_regular
from hmlc_ray.machine.user import expanded


def weights_digest(config: TrialConfig) -> str | None:
    """SHA-256 of the file `encoder.weights`; None where there is none, or it is not on this machine."""
    weights = getattr(config.encoder, "weights", None)
    return None if weights is None else content_digest(weights)


def content_digest(path: str) -> str | None:
    """SHA-256 of a file as it is now; None where there is none that can be read."""
    file = expanded(path).absolute()
    try:
        return known_sha256(file) if is_regular(file) else None
    except OSError:
        return None
