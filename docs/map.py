"""Writes the map of `docs/architecture.md` from the docstrings of the modules: `python docs/map.py`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PAGE = Path(__file__).with_name("architecture.md")
PACKAGE = Path(__file__).parents[1] / "hmlc_ray"
BEGIN, END = "<!-- map: written by docs/map.py -->\n", "<!-- end of the map -->\n"


def page() -> str:
    """The page with the map as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(BEGIN)[0] + BEGIN + "\n" + module_map() + "\n" + END + text.partition(END)[2]


def module_map() -> str:
    """One line per module, by package, those of the package itself first."""
    folders = sorted({file.parent for file in PACKAGE.rglob("*.py")}, key=lambda folder: folder.parts)
    return "\n".join(_package(folder) for folder in folders)


def _package(folder: Path) -> str:
    name = folder.relative_to(PACKAGE.parent).as_posix()
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith("__"))
    lines = [f"- `{file.name}`: {first_sentence(file)}" for file in files]
    return "\n".join([f"### `{name}/`", "", first_sentence(folder / "__init__.py"), "", *lines, ""])


def first_sentence(file: Path) -> str:
    """The first paragraph of a module's docstring up to its first full stop; examples and the rest are left out."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[.!])\s+(?=[A-Z`])", paragraph)[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
