"""Hugging Face data sets, damaged at random: Arrow maps their files into memory and follows the offsets in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import FUZZ, bounded, damaged, refusal
from hf_folders import save_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.data.embedded import ImageColumn
from hmlc_ray.data.intensities import BadImage
from hmlc_ray.folders.hf_labels import read_rows

TOKENS = (
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\0",
    b"../",
    b'"',
    b"{",
    b"[]",
    b"train",
    b"::",
    b"https://a.b",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_rows(tmp_path_factory.mktemp("saved") / "set", {"train": 3})


def contents(root: Path) -> None:
    """Read all that training reads but the pixels."""
    rows = read_rows(str(root), "image", ("realm", "leaf"))
    for split in rows.splits.values():
        column = ImageColumn(split, "image")
        for row in range(len(split)):
            try:
                column.content(row)
            except BadImage as error:
                assert "\n" not in str(error)  # noqa: PT017 - any number of images may be bad


@pytest.mark.slow
@settings(FUZZ, max_examples=FUZZ.max_examples // 5)  # each opens files through threads
@given(data=st.data())
def test_a_damaged_folder_is_refused_or_read(whole: Path, data: st.DataObject) -> None:
    files = sorted(file for file in whole.rglob("*") if file.is_file())
    file = data.draw(st.sampled_from([*files, *whole.rglob("*.arrow")]))
    before = file.read_bytes()
    try:
        file.unlink()  # what is mapped by the last example keeps its bytes
        file.write_bytes(data.draw(damaged(before, TOKENS)))
        with bounded(20, 400):
            refusal(lambda: contents(whole))
    finally:
        file.unlink()
        file.write_bytes(before)
