"""YAML reading: the scalars of YAML 1.2, and one sentence for what is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.config.load import MAX_BYTES, dump_yaml, load_yaml, parse_yaml
from hmlc_ray.errors import ConfigError

_MUST = "the file must hold a mapping of keys to values, found "
_ALLOWED = "a configuration is YAML in UTF-8"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("5E+3", 5000.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("-.inf", -math.inf),
        ("010", 10),
        ("-3", -3),
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("1:4", "1:4"),
        ("2026-01-01", "2026-01-01"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("'1e-5'", "1e-5"),
        ("~", None),
        ("null", None),
        ("", None),
        ("[1, 1e-3, a]", [1, 1e-3, "a"]),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    result = parse_yaml(text, "x")
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "line 2, column 11: the key 'c' is given twice, first in line 2"),
        ("1: a\n", "line 1, column 1: a key must be text"),
        ("a: &x 1\nb: *x\n", "line 2, column 4: an alias (*) is not allowed here"),
        ("a: !!python/object:os.system x\n", "line 1, column 4: a tag (!) is not allowed here"),
        ("a: !!int x\n", "line 1, column 4: a tag (!) is not allowed here"),
        ("[" * 900, "line 1, column 51: values are nested more than 50 deep"),
        ("a: " + "9" * 5000 + "\n", "line 1, column 4: the number is too large"),
        ("a: 1\nb: \x01\n", "line 2, column 4: the invisible character U+0001 is not allowed in YAML: remove it"),
    ],
)
def test_errors_name_line_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_yaml(path)
    assert str(error.value) == f"{path}, {sentence}"


def test_a_file_of_brackets_alone_is_refused_by_whatever_libyaml_there_is() -> None:
    with pytest.raises(ConfigError, match=r"^f, line 1, column \d+: values are nested more than 50 deep$"):
        parse_yaml("[" * 100_000, "f")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file must hold a mapping of keys to values, found nothing"),
        (b"- 1\n", "the file must hold a mapping of keys to values, found a list"),
        (b"# nothing yet\n", "the file must hold a mapping of keys to values, found no key"),
        (b"a: 1\nb: \xff\n", "the file cannot be read: line 2 is not UTF-8 text (byte 0xff); " + _ALLOWED),
        (
            b"\xef\xbb\xbfa: 1\n\xff\n",
            "the file cannot be read: line 2 is not UTF-8 text (byte 0xff); " + _ALLOWED,
        ),
        (b"a: 1\n\0\0\0\1", "the file cannot be read: it is binary and no text; " + _ALLOWED),
        (b"PK\3\4....", "the file cannot be read: it is a workbook or an archive and no text; " + _ALLOWED),
        (b"a:1\n", f"{_MUST}plain text without a `key: value`; a space is missing after a colon"),
        (b"some words\n", f"{_MUST}plain text without a `key: value`"),
        (b"3\n", f"{_MUST}a single value"),
        (b"#" * (MAX_BYTES + 1), "the file is larger than 16 MiB, which no configuration needs"),
    ],
)
def test_errors_without_a_place(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_yaml(path)
    assert str(error.value) == f"{path}: {sentence}"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_the_encodings_of_editors_and_shells_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("name: größe\r\nvalue: 1\r\n".encode(encoding))
    assert load_yaml(path) == {"name": "größe", "value": 1}


def test_a_value_on_a_command_line_has_no_line() -> None:
    with pytest.raises(ConfigError, match=r"^override 'a=\[1': the `\[` that opens here is not closed by a `\]`, or"):
        parse_yaml("[1", "override 'a=[1'", placed=False)


def test_a_written_out_tree_of_many_leaves_is_read_back(tmp_path: Path) -> None:
    paths = [
        [f"a group with a long name {i // 10}", f"a leaf with a name as long as those of species often are {i}"]
        for i in range(14_000)
    ]
    path = tmp_path / "f.yaml"
    path.write_text(dump_yaml({"paths": paths}))
    assert path.stat().st_size > 1 << 20
    assert load_yaml(path) == {"paths": paths}


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: there is no such file$"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r": a file is needed, this is a folder$"):
        load_yaml(tmp_path)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(alphabet="ab1e-5.:ofn~ '#")


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(alphabet="abnoyes1-:. "), scalars | st.lists(scalars, max_size=3), max_size=5))
def test_dumped_values_are_read_back_equal(values: dict[str, object]) -> None:
    again = parse_yaml(dump_yaml(values), "x")
    assert again == values
    assert [type(value) for value in again.values()] == [type(value) for value in values.values()]
