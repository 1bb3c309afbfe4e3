"""What operating systems, network storage, archives and editors leave in folders: no part of any data set."""

from __future__ import annotations

import re

_NAMES = frozenset(
    {
        "$recycle.bin",
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@sharebin",
        "@tmp",
        "#recycle",
        "#snapshot",
        "__macosx",
        "__pycache__",
        "desktop.ini",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "found.000",
        "hmlc-home",
        "icon\r",
        "lost+found",
        "network trash folder",
        "picasa.ini",
        "system volume information",
        "temporary items",
        "thevolumesettingsfolder",
        "thumbs.db",
        "~snapshot",
    }
)
_PATTERNS = re.compile(
    r"""
    \..*                                   # hidden: .DS_Store, ._name (AppleDouble), .git, .ipynb_checkpoints, ...
    | .*~ | \#.*\# | ~\$.* | .*\.sw[a-z]   # editors: copies and locks
    | ~.*\.tmp | ~lock\..*
    | .*\.(tmp|temp|bak|orig|part|partial|filepart|crdownload|download|opdownload|aria2|!ut|!qb|lck)
    | synofile_thumb_.* | thumbs\.db.* | (zone\.identifier|.*[:\uf03a]zone\.identifier)
    | syncthing.*\.tmp | .*\.sync-conflict-.*
    """,
    re.VERBOSE | re.DOTALL,
)


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is left out everywhere, uncounted; upper and lower case are alike."""
    folded = name.casefold()
    return folded in _NAMES or _PATTERNS.fullmatch(folded) is not None
