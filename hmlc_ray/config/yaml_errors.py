"""What is wrong with a text that is not YAML, in words of those who write it: a parser names the state that it is in.

A parser notices most mistakes after the line in which they were made: a missing bracket at the next colon, a missing
space after a colon in the line below. So the text around what it reports is looked at as well.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

_BREAKS = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_CLOSING = {"[": "]", "{": "}"}
_COMMENT = re.compile(r"(^|\s)#.*")
_COLUMNS = "keys of one section begin in the same column, those of a section within it further to the right"
_SPACE = "a space is missing after the colon of `{0}`: write `key: value`"
_STARTS = {"anchor": "`&`", "alias": "`*`", "tag": "`!`", "directive": "`%`"}
_TOO_DEEP = "nesting depth"


class Refused(yaml.MarkedYAMLError):
    """What this package does not allow in YAML, in its own words."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class Mistake(NamedTuple):
    """What is wrong, and where; lines and columns from 0."""

    line: int
    column: int
    sentence: str


def explained(error: yaml.MarkedYAMLError, text: str, too_deep: str) -> Mistake:
    """The most probable mistake behind an error of PyYAML's parsers, libyaml's or its own.

    Args:
        too_deep: the sentence of a value that is nested too deep, which newer versions of libyaml find while they read
            ahead.
    """
    mark = error.problem_mark or error.context_mark
    assert mark is not None
    if isinstance(error, Refused):
        return Mistake(mark.line, mark.column, error.problem or "")
    found = _Found(error, _BREAKS.split(text), mark.line, mark.column)
    if _TOO_DEEP in found.problem:
        return found.here(too_deep)
    for look in (_tab, _quote, _bracket, _colon, _document, _start, _indentation):
        if (mistake := look(found)) is not None:
            return mistake
    return found.here(f"this is not valid YAML ({found.problem})")


def forbidden(error: yaml.reader.ReaderError, text: str) -> Mistake:
    """A character that YAML does not allow."""
    character = chr(error.character) if isinstance(error.character, int) else str(error.character)
    before = _BREAKS.split(text[: max(0, text.find(character))])
    sentence = f"the invisible character U+{ord(character):04X} is not allowed in YAML: remove it"
    return Mistake(len(before) - 1, len(before[-1]), sentence)


class _Found:
    """What a parser reports, and the lines of the text."""

    def __init__(self, error: yaml.MarkedYAMLError, lines: list[str], line: int, column: int) -> None:
        self.context, self.problem = error.context or "", error.problem or ""
        if line >= len(lines):  # libyaml's end of a text without a last line break
            line, column = len(lines) - 1, len(lines[-1])
        self.lines, self.number, self.column = lines, line, column
        opened = error.context_mark
        self.opened = (opened.line, opened.column) if opened is not None else (line, column)

    def at(self, line: int, column: int) -> str:
        """The character there; empty behind the end of a line or of the text."""
        return self.lines[line][column : column + 1] if line < len(self.lines) else ""

    @property
    def line(self) -> str:
        return self.lines[self.number] if self.number < len(self.lines) else ""

    @property
    def character(self) -> str:
        return self.at(self.number, self.column)

    @property
    def before(self) -> str:
        return self.line[: self.column]

    def above(self) -> tuple[int, str]:
        """The last line above that holds more than a comment; an empty one where there is none."""
        for number in range(self.number - 1, -1, -1):
            if content := _COMMENT.sub("", self.lines[number]).rstrip():
                return number, content
        return 0, ""

    def here(self, sentence: str) -> Mistake:
        return Mistake(self.number, self.column, sentence)

    def at_opening(self, sentence: str) -> Mistake:
        return Mistake(*self.opened, sentence)


def _tab(found: _Found) -> Mistake | None:
    blank = re.match(r"\s*", found.line)
    tab = found.line.find("\t", 0, blank.end() if blank else 0)
    if tab >= 0:
        return Mistake(found.number, tab, "a tab indents this line: indent with spaces")
    return (
        found.here("a tab: YAML allows spaces alone between a key and its value") if found.character == "\t" else None
    )


def _quote(found: _Found) -> Mistake | None:
    if "quoted scalar" in found.context:
        quote = found.at(*found.opened)
        if "escape" in found.problem or "hexdecimal" in found.problem:
            return found.here(r"a `\` within double quotes begins an escape: use single quotes, or write `\\`")
        return found.at_opening(f"the quote `{quote}` that opens here is not closed")
    ends = found.before.rstrip()[-1:]
    if ends in ("'", '"') and found.character not in ("", "[", "{", "]", "}", ",", ":"):
        return found.here(
            f"text follows the closing `{ends}`: put the whole value in quotes, and write a single quote within "
            "single quotes twice"
        )
    return None


def _bracket(found: _Found) -> Mistake | None:
    if "flow" in found.context and (opened := _last_opened(found)) is not None:
        row, column = opened
        bracket = found.lines[row][column]
        noticed = f", which shows in line {found.number + 1}" if found.number != row else ""
        return Mistake(
            row,
            column,
            f"the `{bracket}` that opens here is not closed by a `{_CLOSING[bracket]}`, or a comma between two of its "
            f"values is missing{noticed}",
        )
    if found.character in ("]", "}"):
        return found.here(f"this `{found.character}` closes a bracket that was not opened")
    return None


def _last_opened(found: _Found) -> tuple[int, int] | None:
    """Where the innermost bracket opens: what the parser has, unless it waits for a value within the bracket."""
    row, column = found.opened
    if found.at(row, column) in _CLOSING:
        return row, column
    opened: list[tuple[int, int]] = []
    lines = [*found.lines[: found.number], found.before]
    for number, line in enumerate(lines):
        for at, character in enumerate(_COMMENT.sub("", line)):
            if character in _CLOSING:
                opened.append((number, at))
            elif opened and character == _CLOSING[lines[opened[-1][0]][opened[-1][1]]]:
                opened.pop()
    return opened[-1] if opened else None


def _colon(found: _Found) -> Mistake | None:
    """A colon or the space after it is missing, or there is one too many."""
    if "expected ':'" in found.problem:
        row = min(found.opened[0], len(found.lines) - 1)
        return _no_colon(row, found.lines[row])
    if not found.problem.startswith("mapping values are not allowed"):
        return None
    if ": " in found.before:
        return found.here("a second colon in one line: put a value that holds `: ` in quotes")
    number, above = found.above()
    if re.search(r":(\s|$)", above):
        return Mistake(
            found.number,
            len(found.line) - len(found.line.lstrip()),
            f"this line is indented further than line {number + 1}, which has a value already: {_COLUMNS}",
        )
    return _no_colon(number, above)


def _no_colon(number: int, line: str) -> Mistake:
    content = _COMMENT.sub("", line).strip()
    at = len(line) - len(line.lstrip())
    if colon := re.match(r"(- )*([^\s:]+):\S", content):
        return Mistake(number, at + colon.end() - 2, _SPACE.format(colon[2]))
    return Mistake(number, at, f"there is no colon after `{_first_words(content)}`: write `key: value`")


def _first_words(content: str) -> str:
    return re.split(r"\s*=|\s", content, maxsplit=1)[0][:40]


def _document(found: _Found) -> Mistake | None:
    has_ended = any(re.match(r"(---|\.\.\.)(\s|$)", line) for line in found.lines[: found.number])
    if "another document" in found.problem or ("document start" in found.problem and has_ended):
        return found.here("a second document begins here: a configuration is one document, without another `---`")
    return None


def _start(found: _Found) -> Mistake | None:
    """A value begins with a character that means something else in YAML."""
    sign = next(
        (sign for name, sign in _STARTS.items() if f"an {name}" in found.context or f"a {name}" in found.context), ""
    )
    if "cannot start any token" in found.problem:
        sign = f"`{found.character}`"
    if sign:
        return found.here(f"a value that begins with {sign} has to be in quotes")
    if "block scalar" in found.context:
        return found.at_opening("a value that begins with `|` or `>` has to be in quotes, unless it is a block of text")
    if "sequence entries are not allowed" in found.problem:
        return found.here("a list begins in the line below its key, or is written as `[1, 2]`")
    return None


def _indentation(found: _Found) -> Mistake | None:
    if not ("block" in found.context or "document start" in found.problem):
        return None
    if "\ufeff" in found.line:
        return found.here("an invisible character, a byte order mark, is within the text: remove it")
    number, above = found.above()
    if "document start" in found.problem and above and ":" not in above:
        return _no_colon(number, above)
    if found.line.lstrip().startswith("- "):
        return found.here(f"this entry of a list does not begin in the column of the others, or has no key: {_COLUMNS}")
    if found.line.lstrip().startswith(":"):
        return found.here("there is no key before this colon")
    return found.here(f"the indentation of this line fits none above it: {_COLUMNS}")
