"""Packages that this one does not bring, and that are installed as extras of the same name."""

from __future__ import annotations

from importlib.util import find_spec

from hmlc_ray.errors import ConfigError, first_line


def check_extra(what: str, package: str) -> None:
    """Check that an extra's package is installed, without importing it.

    Args:
        what: what needs it, as the sentence begins.

    Raises:
        ConfigError: with the command that installs it, if it is not.
    """
    if find_spec(package) is None:
        raise ConfigError(f"{what} needs {package}, which is not installed here: {_command(package)}")


def cannot_import(what: str, package: str, error: ImportError) -> ConfigError:
    """The error about an extra's package that could not be imported, be it that it is missing or that it is broken."""
    try:
        check_extra(what, package)
    except ConfigError as missing:
        return missing
    return ConfigError(f"{what} needs {package}, which cannot be imported ({first_line(error)}): {_command(package)}")


def _command(package: str) -> str:
    return f"pip install 'hmlc-ray[{package}]'"
