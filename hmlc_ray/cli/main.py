"""The entry point of `hmlc`."""

from __future__ import annotations

import gc
import os


def run() -> None:
    """What the console script calls."""
    # Starting up makes many objects and next to no garbage: with Python's own threshold a tenth of the time goes into
    # looking for some.
    gc.set_threshold(100_000, 20, 20)
    # Otherwise pydantic reads the metadata of every installed distribution, in search of plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Python takes an empty one for none; Ray for the current folder, where it would look for a cluster's address.
    for name in ("TMPDIR", "RAY_TMPDIR"):
        if os.environ.get(name) == "":
            del os.environ[name]
    from hmlc_ray.cli.text_output import prepare_output

    prepare_output()
    from hmlc_ray.cli.app import app

    try:
        _settle_user()
        app()
    finally:
        # The process ends here: without this it would look through everything once more.
        gc.freeze()


def _settle_user() -> None:
    """Only where it may be needed: a shell has set both variables."""
    if "HOME" in os.environ and ("LOGNAME" in os.environ or "USER" in os.environ):
        return
    import sys

    from hmlc_ray.errors import ConfigError
    from hmlc_ray.machine.user import settle_user

    try:
        settle_user()
    except ConfigError as error:
        print(f"hmlc: {error}", file=sys.stderr)
        sys.exit(2)
