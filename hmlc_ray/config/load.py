"""YAML as this package reads it: the core schema of YAML 1.2, with duplicate keys, aliases and tags refused.

PyYAML follows YAML 1.1, in which `1e-5` is text, `off` is false, `1:4` is 64 and `010` is 8. All four occur in
configurations and mean something else there, so scalars are resolved by the rules of YAML 1.2 instead. Aliases could
make a small file a huge or endless value and tags could ask for other types; no configuration needs either.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml.resolver import BaseResolver

from hmlc_ray.config.yaml_errors import Mistake, Refused, explained, forbidden
from hmlc_ray.errors import ConfigError, system_reason
from hmlc_ray.files.text import NotText, decode
from hmlc_ray.names.nearest import nearest_path

MAX_BYTES = 16 << 20
"""Largest size of a file: a written-out tree of tens of thousands of leaves takes some MiB."""
MAX_DEPTH = 50
_TOO_DEEP = f"values are nested more than {MAX_DEPTH} deep"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_SCALARS = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", rf"{_FLOAT}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.0123456789"),
)


# libyaml's parser is many times faster; PyYAML's own is there where PyYAML was built without it.
if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeLoader
else:
    from yaml import CSafeLoader as SafeLoader


class _Loader(SafeLoader):
    """PyYAML's safe loader with other scalars: it builds plain values and nothing else."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - the parent's type

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            mark = key_node.start_mark
            if key_node.tag != BaseResolver.DEFAULT_SCALAR_TAG:
                raise Refused("a key must be text", mark)
            if key_node.value in seen:
                raise Refused(f"the key {key_node.value!r} is given twice, first in line {seen[key_node.value]}", mark)
            seen[key_node.value] = mark.line + 1
        return super().construct_mapping(node, deep=deep)

    def construct_number(self, node: yaml.ScalarNode) -> float:
        kind = int if node.tag.endswith("int") else float
        try:
            return kind(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            raise Refused("the number is too large", node.start_mark) from None


class _Dumper(yaml.SafeDumper):
    """Quotes every text that this loader or one for YAML 1.1 would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _name, _pattern, _first in _SCALARS:
    _starts = ["" if c == "\0" else c for c in _first]
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), _starts)
for _name in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _Loader.construct_number)


def load_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: if the file cannot be read, is larger than 16 MiB, is not valid YAML (with line and column), gives
            a key twice, or holds something other than a mapping.
    """
    text = _read(Path(path))
    values = parse_yaml(text, str(path))
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: the file must hold a mapping of keys to values, found {_kind(values, text)}")
    return values


def _kind(value: object, text: str) -> str:
    """What a file holds instead of a mapping."""
    if value is None:
        return "nothing" if not text.strip() else "no key"
    if not isinstance(value, str):
        return "a list" if isinstance(value, list) else "a single value"
    colon = "; a space is missing after a colon" if re.search(r"(?m)^\s*[\w.-]+:\S", text) else ""
    return f"plain text without a `key: value`{colon}"


def parse_yaml(text: str, source: str, *, placed: bool = True) -> Any:
    """The value of one YAML document.

    Args:
        source: what an error names.
        placed: name line and column too, unless the text is a value on a command line.

    Raises:
        ConfigError: if the text is not valid YAML.
    """
    try:
        for event, depth in _nested(yaml.parse(text, Loader=_Loader)):
            _check_event(event, depth)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mistake = explained(error, text, _TOO_DEEP)
        raise ConfigError(f"{source}{_where(mistake) if placed else ''}: {mistake.sentence}") from None
    except yaml.reader.ReaderError as error:
        mistake = forbidden(error, text)
        raise ConfigError(f"{source}{_where(mistake) if placed else ''}: {mistake.sentence}") from None


def _where(mistake: Mistake) -> str:
    return f", line {mistake.line + 1}, column {mistake.column + 1}"


def dump_yaml(values: dict[str, Any]) -> str:
    """YAML text that `parse_yaml` reads back to equal values; keys keep their order."""
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _nested(events: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        yield event, depth


def is_suite(values: dict[str, Any]) -> bool:
    """Whether a file's values are those of a suite; here, so that no other file pays for the models of suites."""
    return "benchmark" in values or "arms" in values


def refuse_suite(values: dict[str, Any], source: str) -> None:
    """Refuse a suite where a trial or a search space is needed.

    Raises:
        ConfigError: if the values are those of a suite.
    """
    if is_suite(values):
        raise ConfigError(f"{source} is a suite, which `hmlc benchmark` runs; a trial or a search space is needed here")


def _check_event(event: Any, depth: int) -> None:
    """Refuse what must not be composed at all: composing is recursive, and in libyaml without a limit."""
    problem = None
    if isinstance(event, yaml.AliasEvent):
        problem = "an alias (*) is not allowed here"
    elif getattr(event, "tag", None) is not None:
        problem = "a tag (!) is not allowed here"
    elif depth > MAX_DEPTH:
        problem = _TOO_DEEP
    if problem:
        raise Refused(problem, event.start_mark)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path}: the file is larger than {MAX_BYTES >> 20} MiB, which no configuration needs")
        return _text(content)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file{nearest_path(path) if path.suffix else ''}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: a file is needed, this is a folder") from None
    except NotText as error:
        raise ConfigError(f"{path}: the file cannot be read: {error}; a configuration is YAML in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: the file cannot be read ({system_reason(error)})") from None


def _text(content: bytes) -> str:
    text = decode(content)
    if "\0" in text:
        raise NotText("it is binary and no text")
    return text
