"""The user of this process, who may have neither a name nor a home directory: a container's `--user 12345`, say."""

from __future__ import annotations

import os
from pathlib import Path

from hmlc_ray.errors import ConfigError

_STAND_IN = "HMLC_NO_HOME"
"""In the environment: what `HOME` was set to where there is none."""


def prepare_process() -> None:
    """Make the environment one that Ray, MLflow and torch can start in; see `prepare_user`.

    Raises:
        ConfigError: if there is no temporary directory that can be used.
    """
    # Python treats an empty one as unset; Ray as the current folder, where it would look for a cluster's address.
    for name in ("TMPDIR", "RAY_TMPDIR"):
        if os.environ.get(name) == "":
            del os.environ[name]
    if "HOME" not in os.environ or not ("LOGNAME" in os.environ or "USER" in os.environ):  # a shell has set them
        prepare_user()


def prepare_user() -> None:
    """Give this process and its children a `HOME` and a `USER` where the system knows none.

    MLflow, matplotlib, torch and Ray ask for the home directory, or the user's name, when they are imported or first
    used, and end with an error of Python's without. The home that they get is a private temporary folder.

    Raises:
        ConfigError: if there is no temporary directory that can be used.
    """
    import getpass

    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["USER"] = os.environ["LOGNAME"] = f"uid-{os.geteuid()}"
    try:
        Path.home()
    except RuntimeError:
        from hmlc_ray.machine.scratch import private_folder

        home = private_folder() / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        os.environ["HOME"] = os.environ[_STAND_IN] = str(home)


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with `~` replaced by the home directory.

    Raises:
        ConfigError: if there is no home directory, or it is that of a user who is not known.
    """
    path = Path(path)
    try:
        if path.parts[:1] == ("~",) and _STAND_IN in os.environ and os.environ[_STAND_IN] == os.environ.get("HOME"):
            raise RuntimeError
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(f"{path} begins with a home directory that is not known: write it out, or set HOME") from None
