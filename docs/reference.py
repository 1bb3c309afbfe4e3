"""Writes the tables of `docs/configuration.md` from the models: `python docs/reference.py`.

`--print` shows them instead, with the kinds of plug-ins that are installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from written import rewritten

from hmlc_ray.config.base import Section

# Before the sections are made: the text under a key becomes the description of its field.
Section.model_config["use_attribute_docstrings"] = True

from hmlc_ray.config.points import PrimitivesConfig  # noqa: E402
from hmlc_ray.config.schema import SectionType, default_kinds, describe, keys, kind_of, names, sections  # noqa: E402
from hmlc_ray.config.sweep import SweepConfig  # noqa: E402
from hmlc_ray.config.trial import TrialConfig  # noqa: E402

PAGE = Path(__file__).with_name("configuration.md")
MARK = "<!-- tables: written by docs/reference.py -->\n"

Row = tuple[str, str, str, str]
"""Key, allowed values, default, meaning."""


def tables() -> str:
    """The generated part of the page."""
    parts = ["## Keys of a trial", "", _table(_rows(TrialConfig, "")), ""]
    parts += _sections(TrialConfig, "")
    parts += ["## Keys of a search space", "", _table(_rows(SweepConfig, "")), ""]
    parts += _sections(SweepConfig, "")
    return "\n".join(parts)


def _sections(model: SectionType, prefix: str) -> list[str]:
    blocks: dict[str, None] = {}  # what several kinds have alike, as the tree of all data sets, is shown once
    for name, field in keys(model).items():
        classes = sections(field)
        if not classes:
            continue
        rows = _table(_merged(classes, f"{prefix}{name}."), len(classes) > 1)
        blocks["\n".join([f"### `{prefix}{name}`", "", *_introduction(classes), rows, ""])] = None
        for section in classes:
            blocks |= dict.fromkeys(_sections(section, f"{prefix}{name}."))
    return list(blocks)


def _introduction(classes: list[SectionType]) -> list[str]:
    if len(classes) == 1:
        return [_first_line(classes[0]), ""]
    return [*(f"- `kind: {kind_of(section)}`: {_first_line(section)}" for section in classes), ""]


def _merged(classes: list[SectionType], prefix: str) -> list[tuple[str, ...]]:
    """Rows of several kinds in one table: a key that is alike in some of them has one row, which lists these."""
    rows: dict[Row, list[str]] = {}
    for section in classes:
        for row in _rows(section, prefix):
            if row[0] != "kind" or len(classes) == 1:
                rows.setdefault(row, []).append(kind_of(section) or "")
    if len(classes) == 1:
        return list(rows)
    shown = {row: "all" if len(kinds) == len(classes) else ", ".join(kinds) for row, kinds in rows.items()}
    return [(row[0], kinds, *row[1:]) for row, kinds in shown.items()]


def _rows(section: SectionType, prefix: str) -> list[Row]:
    return [
        (key, _allowed(f"{prefix}{key}", field), _default(section, name, field), _meaning(section, name))
        for (key, field), name in zip(keys(section).items(), section.model_fields, strict=True)
    ]


def _allowed(path: str, field: FieldInfo) -> str:
    if not sections(field):
        return describe(field)
    choices = f"one of {', '.join(names(field))}; or " if names(field) else ""
    return f"{choices}a section, [see below](#{path.replace('.', '')})"


def _default(section: SectionType, name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default_factory, type) and sections(field):
        kind = default_kinds(section, {}).get(name)
        points = default_kinds(section, {"data": {"kind": PrimitivesConfig().kind}}).get(name)
        other = "" if points == kind else f"; {points} for point clouds"
        return "all defaults" if kind is None else f"kind {kind}{other}"
    value: Any = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _meaning(section: SectionType, name: str) -> str:
    """The text under a key; a class that gives it another default alone has that of its parent."""
    parents = [parent.model_fields[name] for parent in section.__mro__ if name in getattr(parent, "model_fields", {})]
    return _one_line(next((field.description for field in parents if field.description), ""))


def _first_line(section: SectionType) -> str:
    return _one_line((section.__doc__ or "").partition("\n\n")[0])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(rows: list[Any], by_kind: bool = False) -> str:
    head = ["key", *(["kinds"] if by_kind else []), "allowed", "default", "meaning"]
    lines = [head, ["---"] * len(head), *([f"`{row[0]}`", *row[1:]] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def page() -> str:
    """The whole page, with its tables made again."""
    return rewritten(PAGE, MARK, tables().removesuffix("\n"))


if __name__ == "__main__":
    if "--print" in sys.argv:
        print(tables())
    else:
        PAGE.write_text(page(), encoding="utf-8")
