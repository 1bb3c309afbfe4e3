"""Mistakes in YAML that people make, each named where it was made; by libyaml's parser and by PyYAML's own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hmlc_ray.config import load
from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.yaml_errors import explained, forbidden
from hmlc_ray.errors import ConfigError

_TAB = "a tab indents this line"
_DEEPER = "this line is indented further than line {}, which has a value already"
_NONE = "the indentation of this line fits none above it"
_SPACE = "a space is missing after the colon of `{}`"
_NO_COLON = "there is no colon after `{}`"
_OPEN = "the `{}` that opens here is not closed by a `{}`, or a comma"
_QUOTES = "a value that begins with `{}` has to be in quotes"
MISTAKES = {
    "a tab below a key": ("a:\n\tb: 1\n", 2, 1, _TAB),
    "a tab after spaces": ("a:\n  b: 1\n  \tc: 2\n", 3, 3, _TAB),
    "a tab before a list": ("a:\n\t- 1\n", 2, 1, _TAB),
    "no space after a colon, between others": ("study:\n  name:x\n  num_trials: 3\n", 2, 7, _SPACE.format("name")),
    "no space after a colon, at the end": ("a: 1\nb:2\n", 2, 2, _SPACE.format("b")),
    "a comment without a space": ("a:#x\nb: 1\n", 1, 2, _SPACE.format("a")),
    "no colon above a section": ("study\n  name: x\n", 1, 1, _NO_COLON.format("study")),
    "no colon, between others": ("a: 1\nb 2\nc: 3\n", 2, 1, _NO_COLON.format("b")),
    "an equals sign": ("a = 1\nb: 2\n", 1, 1, _NO_COLON.format("a")),
    "a comment between": ("a\n# of b\nb: 2\n", 1, 1, _NO_COLON.format("a")),
    "an open list": ("a: [1, 2\nb: 3\n", 1, 4, _OPEN.format("[", "]")),
    "an open list at the end": ("b: 1\na: [1\n", 2, 4, _OPEN.format("[", "]")),
    "an open mapping": ("a: {b: 1\nc: 2\n", 1, 4, _OPEN.format("{", "}")),
    "an open list without a value": ("a: [1,\n", 1, 4, _OPEN.format("[", "]")),
    "a bracket for a value": ("a: {b: ]\n", 1, 4, _OPEN.format("{", "}")),
    "no comma": ("a: {b: 1 c: 2}\n", 1, 4, _OPEN.format("{", "}")),
    "the other bracket": ("a: [1, 2}\n", 1, 4, _OPEN.format("[", "]")),
    "one bracket too many": ("a: [1]]\n", 1, 7, "this `]` closes a bracket that was not opened"),
    "an open quote": ('b: 1\na: "x\nc: 2\n', 2, 4, 'the quote `"` that opens here is not closed'),
    "an apostrophe in quotes": ("a: 'it's'\nb: 1\n", 1, 8, "text follows the closing `'`"),
    "a path of Windows": ("a: 'x'\nb: \"C:\\data\"\n", 2, None, "a `\\` within double quotes begins an escape"),
    "deeper than a value": ("a: 1\n b: 2\n", 2, 2, _DEEPER.format(1)),
    "deeper, in a section": ("a:\n  b: 1\n    c: 2\n", 3, 5, _DEEPER.format(2)),
    "between two sections": ("a:\n    b: 1\n  c: 2\n", 3, 3, _NONE),
    "left of the first key": ("  a: 1\nb: 2\n", 2, 1, _NONE),
    "a key below a list": ("- 1\na: 2\n", 2, 1, _NONE),
    "a list below keys": ("a: 1\n- 2\n", 2, 1, "this entry of a list does not begin in the column of the others"),
    "a list behind a key": ("a: - 1\n", 1, 4, "a list begins in the line below its key"),
    "no key": ("a: 1\n: 2\n", 2, 1, "there is no key before this colon"),
    "a colon within a value": ("name: run: one\n", 1, 10, "a second colon in one line"),
    "an address": ("a: @home\n", 1, 4, _QUOTES.format("@")),
    "a percentage": ("a: %5\n", 1, 4, _QUOTES.format("%")),
    "a wildcard": ("a: *.png\n", 1, None, _QUOTES.format("*")),
    "a comparison": ("a: >=3\n", 1, 4, "a value that begins with `|` or `>` has to be in quotes"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
    "an end and more": ("a: 1\n...\nb: 2\n", 3, 1, "a second document begins here"),
}
_PARSERS_WORDS = ("expected", "scanning", "parsing", "context", "block end", "token", "scalar", "not valid YAML")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_where_it_was_made(name: str) -> None:
    text, line, column, sentence = MISTAKES[name]
    with pytest.raises(ConfigError) as error:
        parse_yaml(text, "f.yaml")
    said = str(error.value)
    assert said.startswith(f"f.yaml, line {line}, column {column or ''}")
    assert sentence in said
    assert not any(words in said for words in _PARSERS_WORDS)


@pytest.mark.parametrize("name", MISTAKES)
def test_pyyaml_s_own_parser_leads_to_the_same_sentence(name: str) -> None:
    text, line, column, sentence = MISTAKES[name]
    with pytest.raises(yaml.MarkedYAMLError) as error:
        yaml.load(text, Loader=yaml.SafeLoader)
    mistake = explained(error.value, text, "too deep")
    assert mistake.line + 1 == line
    assert column in (None, mistake.column + 1)
    assert mistake.sentence.startswith(sentence)


def test_a_byte_order_mark_within_the_text() -> None:
    with pytest.raises(ConfigError, match=r"line 2.*a byte order mark, is within the text: remove it"):
        parse_yaml("a: 1\n\ufeffb: 2\n", "f.yaml")


@given(st.text(alphabet="ab:- \n\t[]{}'\"#,&*!|>%@`\\=.?~\x01\ufeff1", max_size=40))
@example("? [a\n")
@example("%YAML 9\n---\na")
@example("&\n")
@example("{#]")
def test_whatever_the_text_an_error_is_a_sentence_with_a_location_within_it(text: str) -> None:
    values: Any = None
    try:
        values = load.parse_yaml(text, "f")
    except ConfigError as error:
        said = str(error)
        assert said.startswith("f, line ")
        assert "\n" not in said
        assert int(said.split("line ", 1)[1].split(",")[0]) <= text.count("\n") + 1
    assert not isinstance(values, tuple)


def test_a_forbidden_character_is_found_by_both_parsers() -> None:
    text = "a: 1\nb: x\x02\n"
    for loader in (load._Loader, yaml.SafeLoader):
        with pytest.raises(yaml.reader.ReaderError) as error:
            yaml.load(text, Loader=loader)
        assert forbidden(error.value, text)[:2] == (1, 4)
