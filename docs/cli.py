"""Writes `docs/cli.md`, the reference of the command line, from the commands themselves: `python docs/cli.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command
from written import rewritten

from hmlc_ray.cli.app import app

PAGE = Path(__file__).with_name("cli.md")
MARK = "<!-- commands: written by docs/cli.py -->\n"
VALUES = {int: "N", float: "NUMBER", Path: "PATH"}
"""Metavariables of options that have none of their own, by type; TEXT otherwise."""


def commands() -> str:
    """The generated part of the page: every command with its arguments and options."""
    root = get_command(app)
    parts = [_section(name, command) for name, command in sorted(_leaves(root, "hmlc"))]
    return "\n\n".join(parts)


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name; groups of commands are looked into."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, child in inner.items():
        yield from _leaves(child, f"{name} {word}")


def _section(name: str, command: Any) -> str:
    words = [_argument(parameter) for parameter in _parameters(command) if parameter.param_type_name == "argument"]
    usage = " ".join([name, *words, "[OPTIONS]"])
    types = get_type_hints(command.callback)
    rows = [_row(parameter, types[parameter.name]) for parameter in _parameters(command)]
    table = ["| argument or option | default | meaning |", "|---|---|---|", *rows]
    lines = [f"## {name}", f"```\n{usage}\n```", _text(command.help or ""), "\n".join(table) if rows else ""]
    return "\n\n".join(line for line in lines if line)


def _parameters(command: Any) -> list[Any]:
    return [parameter for parameter in command.params if not parameter.hidden and "--help" not in parameter.opts]


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name.strip('[]')}]"


def _row(parameter: Any, kind: Any) -> str:
    cells = (_name(parameter, kind).replace("|", " or "), _default(parameter), _meaning(parameter))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _name(parameter: Any, kind: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter)}`"
    value = "" if kind is bool else f" {parameter.metavar or _metavariable(kind)}"
    return ", ".join(f"`{option}{value}`" for option in sorted(parameter.opts, key=len, reverse=True))


def _metavariable(kind: Any) -> str:
    return next((VALUES[part] for part in (kind, *get_args(kind)) if part in VALUES), "TEXT")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if default in (None, False, ()) or callable(default):
        return ""
    return f"`{default}`"


def _meaning(parameter: Any) -> str:
    text = _text(getattr(parameter, "help", None) or "")
    variable = getattr(parameter, "envvar", None)
    return f"{text} Or by `{variable}`." if variable else text


def _text(text: str) -> str:
    """A help text as Markdown: angle brackets and line breaks are those of a page."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return re.sub(r"<(\w)", r"&lt;\1", "\n\n".join(paragraphs))


def page() -> str:
    """The whole page, with the commands made again."""
    return rewritten(PAGE, MARK, commands())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
