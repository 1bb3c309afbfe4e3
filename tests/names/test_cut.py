"""Names that are cut say so, and stay apart."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hmlc_ray.names.cut import cut, cut_apart

_ALIKE = ["chair with arm rests and wheels", "chair with arm rests, no wheels"]


def test_a_cut_name_ends_with_a_sign_of_it() -> None:
    assert cut("chair with arm rests", 20) == "chair with arm rests"
    assert cut("chair with arm rests, red", 20) == "chair with arm rest…"


def test_names_that_begin_alike_keep_their_ends() -> None:
    names = [*_ALIKE, "table with a very long name"]
    assert list(cut_apart(names, 20).values()) == [
        "chair wit…and wheels",
        "chair wit… no wheels",
        "table with a very l…",
    ]


def test_names_that_differ_in_the_middle_alone_are_numbered() -> None:
    names = [f"a very long beginning {middle} and a very long end" for middle in ("one", "two")]
    assert list(cut_apart(names, 20).values()) == ["a very …long end (1)", "a very …long end (2)"]


def test_names_that_differ_in_what_cannot_be_shown_stay_apart() -> None:
    shown = cut_apart(["a\x07b", "a\x08b"], 20, lambda name: name.replace("\x07", "?").replace("\x08", "?"))
    assert list(shown.values()) == ["a?b (1)", "a?b (2)"]


@given(st.lists(st.text("ab…() 12", max_size=24), unique=True, max_size=8), st.integers(12, 20))
@example(["a" * 30, "a" * 31, "a" * 5 + "…" + "a" * 6], 12)
@example(["a" * 30, "a" * 31, "aaa…aaaa (1)"], 12)
def test_different_names_are_shown_differently_within_the_room(names: list[str], letters: int) -> None:
    shown = cut_apart(names, letters)
    assert list(shown) == names
    assert len({*shown.values()}) == len(names)
    assert all(len(text) <= letters for text in shown.values())
