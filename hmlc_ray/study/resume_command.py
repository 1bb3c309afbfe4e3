"""Commands that are printed to be typed again: quoted for a shell, with the options that make them find what is meant.

Whatever prints a command makes it here; a sentence puts it between backquotes.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from hmlc_ray.home import Home
from hmlc_ray.names.uris import typed_uri
from hmlc_ray.tracking.drivers import JOB_VARIABLE
from hmlc_ray.tracking.opening import URI_VARIABLE

"""In names of a URI's parameters; a file that holds a password is none."""
Value = str | Path | bool | None


def command(verb: str, *arguments: str | Path, **options: Value) -> str:
    """`hmlc VERB ARGUMENTS --option VALUE`, as a shell reads it back word by word.

    Args:
        options: by their long names, or by one letter; True is a flag, None and False are left out.
    """
    given: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        option = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        given += [option] if value is True else [option, str(value)]
    words = list(map(str, arguments))
    # A name that begins with a dash would be taken for an option.
    words = [*given, "--", *words] if any(word.startswith("-") for word in words) else [*words, *given]
    return shlex.join(["hmlc", verb, *words])


def locating(home: Home | Path | None, tracking_uri: str | None, address: str | None = None) -> dict[str, Value]:
    """The options that lead another command to the same stores and cluster, as far as this environment does not."""
    found: dict[str, Value] = {}
    folder = home.root if isinstance(home, Home) else home
    if folder is not None and Home.of(folder) != Home.of(None):
        found["home"] = folder
    if tracking_uri and tracking_uri != os.environ.get(URI_VARIABLE):
        found["tracking_uri"] = typed_uri(tracking_uri)
    if address and address != "local":
        found["address"] = address
    return found


def resume_command(study: str, home: Home, address: str | None, tracking_uri: str | None) -> str:
    """`hmlc resume NAME`, with the places that are not those of this environment."""
    if os.environ.get(JOB_VARIABLE):
        return command("resume", study, address="http://HEAD:8265")
    return command("resume", study, **locating(home, tracking_uri, address))
