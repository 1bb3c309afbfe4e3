"""Errors that a plug-in raises while it runs: whose they are, and exits that others would take for a good end."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hmlc_ray.config.plugins import Plugin, installed
from hmlc_ray.errors import ConfigError, error_sentence


def raised_by(error: BaseException) -> Plugin | None:
    """The plug-in whose code the error comes from, the innermost one; None: it comes from none.

    Code is a plug-in's if it is in the same package as its configuration class.
    """
    owners = {_package(plugin.config.__module__): plugin for plugin in installed()}
    if not owners:
        return None
    frames = [_package(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((owners[name] for name in reversed(frames) if name in owners), None)


@contextmanager
def exits_as_errors() -> Iterator[None]:
    """Training as a block: a SystemExit that comes from within, and whatever else is not an `Exception`, is an error.

    Tune takes a SystemExit with code 0, or a StopIteration, for a trial that has ended well.

    Raises:
        ConfigError: instead, naming the plug-in that it comes from.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            raise
        plugin = raised_by(error)
        whose = "training" if plugin is None else f"the plug-in {plugin}"
        raise ConfigError(f"{whose} raised {error_sentence(error)}") from error


def _package(module: str) -> str:
    return module.partition(".")[0]
