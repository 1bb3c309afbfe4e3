"""A word in the place of a number is named with its line, and never in Python's words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from hmlc_ray.meshes.cloud_formats import CLOUD_READERS
from hmlc_ray.meshes.formats import READERS

PLY = (
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 {0} 0\n0 1 0\n3 0 1 {1}\n"
)
STL = (
    "solid a\r\nfacet normal 0 0 1\r\nouter loop\r\nvertex 0 0 0\r\nvertex 1 {0} 0\r\nvertex 0 1 0\r\n"
    "endloop\r\nendfacet\r\nendsolid a\r\n"
)
OBJ = "# made\nv 0 0 0\nv 1 {0} 0\nv 0 1 0\nf 1 2 {1}\n"
OFF = "OFF # made\n\n3 {2} 0\n0 0 0\n1 {0} 0\n0 1 0\n{3} 0 1 {1}\n"
NUMBER = "which is not a number"
WHOLE = "which is not a whole number of at most 18 digits"
NINES = "9" * 5000
CASES = [
    (".obj", OBJ.format("x", 3), f"line 3 holds 'x', {NUMBER}"),
    (".obj", OBJ.format("0,5", 3), f"line 3 holds '0,5', {NUMBER}; decimal points are needed"),
    (".obj", OBJ.format(0, "a/1"), f"line 5 holds 'a', {WHOLE}"),
    (".obj", OBJ.format(0, "2.5"), f"line 5 holds '2.5', {WHOLE}"),
    (".obj", OBJ.format(0, NINES), f"line 5 holds '{'9' * 39}…', {WHOLE}"),
    (".off", OFF.format("q", 2, 1, 3), f"line 5 holds 'q', {NUMBER}"),
    (".off", OFF.format(0, "z", 1, 3), f"line 7 holds 'z', {WHOLE}"),
    (".off", OFF.format(0, 2, "some", 3), f"line 3 holds 'some', {WHOLE}"),
    (".off", OFF.format(0, 2, 1, "y"), f"line 7 holds 'y', {WHOLE}"),
    (".off", OFF.format(0, "9" * 30, 1, 3), f"line 7 holds '{'9' * 30}', {WHOLE}"),
    (".stl", STL.format("x"), f"line 5 holds 'x', {NUMBER}"),
    (".ply", PLY.format("x", 2), f"line 11 holds 'x', {NUMBER}"),
    (".ply", PLY.format("0,5", 2), f"line 11 holds '0,5', {NUMBER}; decimal points are needed"),
    (".ply", PLY.format(0, "1e30"), "a corner of a face is too large a number, 1e+30"),
    (".xyz", "0 0 0\n1 1_0 0\n", f"line 2 holds '1_0', {NUMBER}"),
    (".txt", "0 0 0\n1 1e 0\n", f"line 2 holds '1e', {NUMBER}"),
    (".pts", f"{NINES}\n0 0 0\n1 1 1\n", "line 1 has 1 number, but a point has x, y and z"),
]


@pytest.mark.parametrize(("suffix", "text", "sentence"), CASES, ids=range(len(CASES)))
def test_a_word_that_is_no_number_is_named_with_its_line(suffix: str, text: str, sentence: str) -> None:
    reader: Callable[[bytes], object] = {**CLOUD_READERS, **READERS}[suffix]
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        reader(text.encode())


@pytest.mark.parametrize(("suffix", "text"), [(".obj", OBJ), (".off", OFF), (".stl", STL), (".ply", PLY)])
@pytest.mark.parametrize("number", ["0", "-1.5e-3", "+.5", "nan", "-Infinity"])
def test_whatever_is_a_number_is_read(suffix: str, text: str, number: str) -> None:
    last = 3 if suffix == ".obj" else 2
    assert len(READERS[suffix](text.format(number, last, 1, 3).encode()).faces) == 1
