"""What a command does with an error: one sentence, an exit code, and no traceback for what is not a bug."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import wraps
from typing import ParamSpec

import typer

from hmlc_ray.errors import HmlcError, UserError, error_sentence, first_line

P = ParamSpec("P")
DEBUG = "HMLC_DEBUG"
"""Set to 1, it shows the traceback of every error."""
_COMMAND = r"(?s)(`hmlc .*?`(?=[\s,;:.)]|$))"
_NO_THREAD = "can't start new thread"
"""What Python says where the system has no thread more."""
_PLACE = "\ue000"
"""Replaces each letter of a command while the words around it are wrapped."""
USER_ERROR, FAILURE, INTERRUPTED = 2, 1, 130
"""Exit codes: the input is wrong; training failed, or a bug; Ctrl-C."""


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command with its errors printed as one sentence on stderr.

    A UserError exits with 2, and so does an error that comes from a plug-in; Ctrl-C exits with 130, a SystemExit with
    its own code, and everything else with 1. The traceback of an unexpected error, or of one of the system's (a full
    disk, a missing permission), is kept in a file whose name is printed.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _output(as_json=bool(kwargs.get("as_json"))):
                command(*args, **kwargs)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as error:
            _leave(str(error) or "interrupted", INTERRUPTED, error)
        except UserError as error:
            _leave(str(error) or first_line(error), USER_ERROR, error)
        except HmlcError as error:
            _leave(str(error) or first_line(error), FAILURE, error)
        except OSError as error:
            _leave(f"the system refused: {str(error) or first_line(error)} ({_keep(error)})", FAILURE, error)
        except BaseException as error:
            if type(error).__module__.startswith(("click", "typer")):
                raise  # a mistake on the command line, which Typer reports
            if (plugin := _plugin(error)) is not None:
                _leave(f"the plug-in {plugin} raised {error_sentence(error)} ({_keep(error)})", USER_ERROR, error)
            if isinstance(error, SystemExit):
                raise
            if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
                _leave(f"the system refused: {error} ({_keep(error)})", FAILURE, error)
            if isinstance(error, RuntimeError) and "home directory" in str(error):  # from Path.expanduser
                _leave("a path begins with a home directory that is not known: write it out", USER_ERROR, error)
            _leave(f"unexpected {type(error).__name__}: {error} (a bug; {_keep(error)})", FAILURE, error)

    return run


def _plugin(error: BaseException) -> object | None:
    """The plug-in that an error comes from, which only a process that has read a configuration can have."""
    if "hmlc_ray.config.plugins" not in sys.modules:
        return None
    from hmlc_ray.config.plugin_errors import raised_by

    with suppress(HmlcError):  # of another one, which cannot be loaded
        return raised_by(error)
    return None


def _output(*, as_json: bool) -> AbstractContextManager[None]:
    if not as_json:
        return nullcontext()
    from hmlc_ray.cli.json_output import json_alone

    return json_alone()


def _leave(sentence: str, code: int, error: BaseException) -> None:
    if os.environ.get(DEBUG) == "1":
        raise error
    say(f"hmlc: {sentence}")
    raise typer.Exit(code)


def say(sentence: str) -> None:
    """One sentence on stderr, wrapped between words where a terminal shows it; commands in it stay as they are."""
    parts = re.split(_COMMAND, sentence)  # every second one is a command
    commands = parts[1::2]
    parts[1::2] = [_PLACE * max(1, len(command)) for command in commands]
    sentence = re.sub(r"\s*\n\s*", " ", "".join(parts).strip())
    if sys.stderr.isatty():
        import shutil
        import textwrap

        width = max(40, shutil.get_terminal_size().columns)
        sentence = textwrap.fill(
            sentence, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    for command in commands:
        before, _, after = sentence.partition(_PLACE)
        sentence = before + command + after.lstrip(_PLACE)
    typer.echo(sentence, err=True)


def _keep(error: BaseException) -> str:
    """Write the traceback to a file and return the note that names it."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="hmlc-error-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError:  # a full disk may be the error itself
        return f"the traceback is shown with {DEBUG}=1"
    return f"the traceback is in {file.name}, or shown with {DEBUG}=1"
