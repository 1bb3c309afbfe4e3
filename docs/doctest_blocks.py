"""For the reference of Python (`docs/api.md`): examples in docstrings become blocks of code, wherever they are."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^>>> .*?(?=\n[ \t]*\n|\Z)", re.DOTALL | re.MULTILINE)


class DoctestBlocks(Extension):
    """Fences what begins with `>>>`, up to the next empty line; Griffe does so in sections called Examples alone."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
