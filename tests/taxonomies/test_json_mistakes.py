"""Mistakes in JSON are named in plain words with line and column, as those in YAML are."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.files.json_text import NotJson, parse_json
from hmlc_ray.taxonomies.files import from_json

BETWEEN = "a comma is missing between two values, or a quote or a bracket above is not closed"
CUT = "the text ends before its last bracket is closed: it is cut off, or a `}` or `]` is missing"
QUOTED = 'a text must be in double quotes (`"`)'
SINGLE = 'a text is in single quotes: JSON has double quotes (`"`) alone'
MISTAKES = [
    ("", "line 1, column 1: it is empty"),
    ('{"a": 1,\n}', "line 1, column 8: there is a comma before the closing `}`: remove it"),
    ('{"a": [1, 2, ]}', "line 1, column 12: there is a comma before the closing `]`: remove it"),
    ("{\n  'a': 1}", f"line 2, column 3: {SINGLE}"),
    ("{\"a\": 'b'}", f"line 1, column 7: {SINGLE}"),
    ("{a: 1}", 'line 1, column 2: a key must be in double quotes (`"`)'),
    ('{"a" 1}', "line 1, column 6: a colon is missing between a key and its value"),
    ('{"a": 1\n "b": 2}', f"line 2, column 2: {BETWEEN}"),
    ('{"a": ["b" "c"]}', f"line 1, column 12: {BETWEEN}"),
    ('{"a": True}', "line 1, column 7: True is Python's: write true"),
    ('{"a": dog}', f"line 1, column 7: `dog` is not a value: {QUOTED}"),
    ('{"a": }', "line 1, column 7: a value is missing before this `}`"),
    ('{"a": // why\n 1}', "line 1, column 7: a comment: JSON has none"),
    ('{"a": "b', 'line 1, column 7: the quote `"` that opens here is not closed'),
    ('{"a": "C:\\q"}', "line 1, column 10: a `\\` within quotes begins an escape: write `\\\\`"),
    ('{"a": 1', f"line 1, column 8: {CUT}"),
    ('{"a": ["b"}', "line 1, column 11: this `}` does not close the bracket that was opened last"),
    ('{"a": 1}}', "line 1, column 9: this `}` closes a bracket that was not opened"),
    ('{"a": 1}\n{"b": 2}', "line 2, column 1: a second value begins here: the file is one object"),
    ('{"a": 1} end', "line 1, column 10: text follows the end of the value"),
    ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
    ("9" * 5000, "a number has too many digits"),
    ("[" * 100_000, "its values are nested too deep"),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_where_it_was_made(text: str, sentence: str) -> None:
    with pytest.raises(NotJson) as caught:
        parse_json(text)
    assert str(caught.value) == sentence


def test_a_tree_with_a_mistake_names_its_file(tmp_path: Path) -> None:
    file = tmp_path / "tree.json"
    file.write_text('{"tree": {"dog": ["beagle" "collie"]}}')
    with pytest.raises(TaxonomyError) as caught:
        from_json(file)
    assert str(caught.value) == f"cannot read the taxonomy {str(file)!r}: line 1, column 28: {BETWEEN}"


@pytest.mark.parametrize("twice", ['"dog": ["a"], "dog": ["b"]', '"\u00e9": ["a"], "e\u0301": ["b"]'])
def test_no_class_of_a_tree_is_lost_to_another_of_its_name(tmp_path: Path, twice: str) -> None:
    file = tmp_path / "tree.json"
    file.write_text(f'{{"tree": {{{twice}}}}}', encoding="utf-8")
    with pytest.raises(TaxonomyError, match=r"twice|the same name"):
        from_json(file)
