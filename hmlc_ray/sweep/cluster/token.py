"""Ray's token as this process has it: where it lies, and that nobody else can read it; without Ray.

Ray takes the token from `RAY_AUTH_TOKEN`, else from the file `RAY_AUTH_TOKEN_PATH`, else from `~/.ray/auth_token`;
`RAY_AUTH_MODE` decides whether it is used (ray._private.authentication, Ray 2.60).
"""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from hmlc_ray.errors import ClusterError, system_reason

MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


def is_used() -> bool:
    """Whether requests carry the token, where there is one."""
    return os.environ.get(MODE, "token").lower() == "token"


def own_header() -> dict[str, str]:
    """The header of HTTP requests with this process's token; empty where it has none, or does not use it."""
    if not is_used():
        return {}
    token = os.environ.get(TOKEN, "")
    if not token:
        with suppress(OSError):
            token = _file().read_text(encoding="utf-8").strip()
    return {"authorization": f"Bearer {token}"} if token else {}


def check_token_file(*, default: bool = True) -> None:
    """Refuse a token that others can read.

    Args:
        default: look at `~/.ray/auth_token` too, which is used where no variable names a token.

    Raises:
        ClusterError: if the file that would be used is missing, or its mode is wider than 600.
    """
    named = os.environ.get(TOKEN_FILE)
    if not is_used() or os.environ.get(TOKEN) or not (named or default):
        return
    file = _file()
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        if named:
            raise ClusterError(f"{TOKEN_FILE} names {file}, which cannot be read ({system_reason(error)})") from None
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ClusterError(
            f"{file} holds Ray's token and is open to other users of this machine (mode {mode:03o}): "
            f"`{shlex.join(['chmod', '600', str(file.absolute())])}` first"
        )


def _file() -> Path:
    named = os.environ.get(TOKEN_FILE)
    return Path(named) if named else Path.home() / ".ray" / "auth_token"
