"""Names of files: one each, whatever users called things."""

from __future__ import annotations

from hmlc_ray.names.files import file_stem, file_stems


def test_a_plain_name_stays_and_others_are_made_plain() -> None:
    assert file_stem("per-class-20.v_2") == "per-class-20.v_2"
    assert file_stem("a/b ü") == "a_b__"
    assert len(file_stem("x" * 100)) == 80


def test_names_that_would_be_one_file_are_numbered() -> None:
    long = "x" * 80
    pairs = [("a b", "l"), ("a_b", "l"), ("A_b", "l"), ("a_b", "l-2"), (f"{long}1", "l"), (f"{long}2", "l")]
    pairs += [("a-b", "c"), ("a", "b-c"), ("я", "l"), ("ю", "l")]
    stems = file_stems([*pairs, *pairs])
    assert list(stems) == pairs
    assert len({stem.casefold() for stem in stems.values()}) == len(pairs)
    assert [stems[pair] for pair in pairs[:4]] == ["a_b-l", "a_b-l-2", "A_b-l-3", "a_b-l-2-2"]
