"""Where results and trials may be kept, as URIs without passwords: a configuration is shown, logged and sent around."""

from __future__ import annotations

from hmlc_ray.errors import ConfigError
from hmlc_ray.names.uris import has_password

_RESULTS = "an absolute path that every node has, or s3://BUCKET/PREFIX"
_TRIALS = "sqlite:////PATH or journal:///PATH with an absolute path, or postgresql://USER@HOST/DATABASE"


def check_results(uri: str, source: str) -> str:
    """Check the location of checkpoints and of Ray's state.

    Raises:
        ConfigError: if it is neither an absolute path nor an s3:// URI, or holds a password.
    """
    _refuse_password(uri, source)
    scheme, separator, rest = uri.partition("://")
    if separator and (scheme != "s3" or not rest.strip("/").partition("?")[0]):
        raise ConfigError(f"{source} must be {_RESULTS}, got {uri!r}")
    if not separator and (not uri.startswith("/") or ".." in uri.split("/")):
        raise ConfigError(f"{source} must be {_RESULTS}, got {uri!r}")
    return uri.rstrip("/")


def check_trials(uri: str, source: str) -> str:
    """Check the location of Optuna's trials.

    Raises:
        ConfigError: if it is of another kind, relative, or holds a password.
    """
    _refuse_password(uri, source)
    scheme, _, rest = uri.partition("://")
    if scheme in ("sqlite", "journal"):
        fine = rest.startswith("//" if scheme == "sqlite" else "/") and not rest.endswith("/")
    else:
        fine = scheme.partition("+")[0] in ("postgresql", "postgres") and bool(rest)
    if not fine:
        raise ConfigError(f"{source} must be {_TRIALS}, got {uri!r}")
    return uri


def _refuse_password(uri: str, source: str) -> None:
    if has_password(uri):
        raise ConfigError(
            f"{source} holds a password, which would be stored and shown; leave it out, and set PGPASSWORD, or the "
            "whole URI in HMLC_OPTUNA_STORAGE, in the driver's environment"
        )
