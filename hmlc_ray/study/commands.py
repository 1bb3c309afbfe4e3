"""Commands that are printed to be typed again: quoted for a shell, with the options that they need elsewhere.

Whatever prints a command makes it here; a sentence puts it between backquotes.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

Value = str | Path | bool | Sequence[str] | None


def command(verb: str, *arguments: str | Path, **options: Value) -> str:
    """`hmlc VERB ARGUMENTS --option VALUE`, as a shell reads it back word by word.

    Args:
        options: by their long names, or by one letter; True is a flag, None and False are left out, several values
            are the option as often.
    """
    given: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        option = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        if value is True:
            given.append(option)
        else:
            values = [value] if isinstance(value, str | Path) else value
            given += [word for each in values for word in (option, str(each))]
    words = list(map(str, arguments))
    # A name that begins with a dash would be taken for an option.
    words = [*given, "--", *words] if any(word.startswith("-") for word in words) else [*words, *given]
    return shlex.join(["hmlc", verb, *words])
