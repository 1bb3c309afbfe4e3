"""The entry point of `hmlc`."""

from __future__ import annotations

import gc
import os
import sys

from hmlc_ray.machine.interrupts import die_quietly, own_process


def run() -> None:
    """What the console script calls."""
    die_quietly()  # while the rest is imported, which takes half a second
    # Starting up makes many objects and next to no garbage: with Python's own threshold a tenth of the time goes into
    # looking for some.
    gc.set_threshold(100_000, 20, 20)
    # Otherwise pydantic reads the metadata of every installed distribution, in search of plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from hmlc_ray.cli.text_output import prepare_output

    prepare_output()
    # Every Python that is started from here on, by whatever library, imports nothing from the current folder: a user's
    # own `json.py` or `mlflow.py` may be there. This one may have been found there, and started once more just now.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    from hmlc_ray.cli.commands import app_for

    try:
        _prepare_process()
        app = app_for(sys.argv[1:])
        own_process()
        app()
    finally:
        die_quietly()  # everything is saved; exit handlers have nothing to say of a Ctrl-C
        # The process ends here: without this it would look through everything once more.
        gc.freeze()


def _prepare_process() -> None:
    from hmlc_ray.errors import ConfigError
    from hmlc_ray.machine.user import prepare_process

    try:
        prepare_process()
    except ConfigError as error:
        print(f"hmlc: {error}", file=sys.stderr)
        sys.exit(2)
