"""The classification models of the installed torchvision, read off its source: importing it takes seconds of torch."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_MODEL = r"(?m)^@register_model\(\)\n(?:@.*\n)*def (\w+)\("


@cache
def model_names() -> tuple[str, ...]:
    """Sorted names; none where torchvision is not installed, as on a machine that only checks files."""
    spec = find_spec("torchvision")
    folders = (spec.submodule_search_locations or []) if spec else []
    files = [file for folder in folders for file in (Path(folder) / "models").glob("*.py")]
    return tuple(sorted(name for file in files for name in re.findall(_MODEL, file.read_text(encoding="utf-8"))))
