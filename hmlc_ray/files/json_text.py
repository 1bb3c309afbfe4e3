"""JSON of other people's: its value, or what is wrong with it in plain words, with the line and the column.

A parser notices most mistakes behind where they were made: a missing comma at the next key, a missing bracket at the
end. So the text around what it reports is looked at as well.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

_COMMA = "there is a comma before the closing `{}`: remove it"
_DEEP = "its values are nested too deep"
_OF_PYTHON = {"True": "true", "False": "false", "None": "null"}
_SPACE = " \t\n\r"


class NotJson(ValueError):
    """Text that is not JSON; the message follows `cannot read ...: `."""


def parse_json(text: str, *, placed: bool = True) -> Any:
    """The value of a JSON document; no key may be given twice, as the first would be lost.

    Args:
        placed: name line and column too.

    Raises:
        NotJson: if it is not one.
    """
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        at, sentence = _explained(error.msg, error.doc, error.pos)
        raise NotJson(f"{_where(error.doc, at)}{sentence}" if placed else sentence) from None
    except NotJson:
        raise
    except ValueError:  # Python refuses whole numbers of thousands of digits
        raise NotJson("a number has too many digits") from None
    except RecursionError:
        raise NotJson(_DEEP) from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        again = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise NotJson(f"the key {again[:80]!r} is given twice")
    return values


def _where(text: str, at: int) -> str:
    above = text[:at].split("\n")
    return f"line {len(above)}, column {len(above[-1]) + 1}: "


def _explained(problem: str, text: str, at: int) -> tuple[int, str]:
    """The most probable mistake behind an error of Python's parser: where it is, and the sentence."""
    if not text.strip():
        return 0, "it is empty"
    found, before = text[at : at + 1], text[:at].rstrip(_SPACE)
    if problem.startswith("Unterminated string"):
        return at, 'the quote `"` that opens here is not closed'
    if problem.startswith("Invalid control character"):
        return at, "a line break or a tab is within quotes: write it as `\\n` or `\\t`, or close the quotes"
    if problem.startswith("Invalid \\"):
        return at, "a `\\` within quotes begins an escape: write `\\\\`"
    if problem.startswith("Extra data"):
        return at, "a second value begins here: the file is one object" if found in "{[" else _behind(found)
    if not found:
        return at, "the text ends before its last bracket is closed: it is cut off, or a `}` or `]` is missing"
    if problem.startswith("Illegal trailing comma"):  # newer Pythons; older ones point at the bracket
        return at, _COMMA.format(text[at + 1 :].lstrip(_SPACE)[:1])
    if found in "}]" and before.endswith(","):
        return len(before) - 1, _COMMA.format(found)
    if found == "'":
        return at, 'a text is in single quotes: JSON has double quotes (`"`) alone'
    if text.startswith(("//", "/*", "#"), at):
        return at, "a comment: JSON has none"
    return at, _expected(problem, text, at)


def _expected(problem: str, text: str, at: int) -> str:
    found = text[at]
    if "':'" in problem:
        return "a colon is missing between a key and its value"
    if "','" in problem:
        if found in "}]":
            return f"this `{found}` does not close the bracket that was opened last"
        return "a comma is missing between two values, or a quote or a bracket above is not closed"
    word = re.compile(r"[^\s,:\]}\"]+").match(text, at)
    if "property name" in problem:
        return 'a key must be in double quotes (`"`)'
    if word is not None and word[0] in _OF_PYTHON:
        return f"{word[0]} is Python's: write {_OF_PYTHON[word[0]]}"
    if found in ",]}:":
        return f"a value is missing before this `{found}`"
    return f'`{word[0][:40] if word else found}` is not a value: a text must be in double quotes (`"`)'


def _behind(found: str) -> str:
    if found in "}]":
        return f"this `{found}` closes a bracket that was not opened"
    return "text follows the end of the value"
