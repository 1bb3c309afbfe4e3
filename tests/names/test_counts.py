"""One thing is not called by its plural."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import hmlc_ray
from hmlc_ray.names.counts import are, many, size

NOUN = re.compile(
    r" (?:[a-z]+ )?(arms|classes|columns|cells|dimensions|epochs|features|files|images|leaves|levels|lines|names|nodes|"
    r"points|rows|runs|samples|seeds|trials|values|workers)\b"
)
NUMBER = re.compile(r"len\(|num_|count$|.*(epochs|trials|seeds|num_leaves|num_levels)$")


def test_numbers_of_things() -> None:
    assert [many(count, "trial") for count in (0, 1, 2, 1000)] == ["0 trials", "1 trial", "2 trials", "1,000 trials"]
    assert [many(count, "leaf", "leaves") for count in (1, 2)] == ["1 leaf", "2 leaves"]
    assert [are(count) for count in (0, 1, 2)] == ["are", "is", "are"]
    assert [are(count, "has", "have") for count in (1, 2)] == ["has", "have"]


def counted(text: ast.JoinedStr) -> list[str]:
    """The numbers before a plural, as in `{epochs} epochs`; not after `of the`, where it is one of several."""
    found, before = [], ""
    for part, after in pairwise([*text.values, ast.Constant("")]):
        if isinstance(part, ast.FormattedValue) and isinstance(after, ast.Constant):
            noun, own = NOUN.match(str(after.value)), ast.unparse(part.value)
            if noun and NUMBER.match(own) and not before.endswith("the "):
                found.append(f"{{{own}}} {noun[1]}")
        before = str(part.value) if isinstance(part, ast.Constant) else ""
    return found


def test_numbers_before_a_noun_are_written_by_the_helper() -> None:
    root = Path(hmlc_ray.__file__).parent
    found = {
        f"{file.relative_to(root)}: {each}"
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for each in counted(node)
    }
    assert not found


def test_a_small_file_is_not_said_to_have_nothing() -> None:
    assert [size(count) for count in (0, 7, 43_400, 100_000, 1_234_567_890)] == [
        "0.0 MB",
        "1 kB",
        "43 kB",
        "0.1 MB",
        "1,234.6 MB",
    ]
