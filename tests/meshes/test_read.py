"""Reading meshes: all formats alike, repairs, and one short reason for each kind of damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from made_meshes import BOX, BROKEN, as_bytes, glb_with_external_buffer, off, write
from trimesh import creation

from hmlc_ray.meshes.read import BrokenMesh, double_areas, read_surface

SQUARE = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)]


def area(content: bytes, suffix: str) -> float:
    """Of the surface, inside its cube."""
    return float(double_areas(read_surface(content, suffix).triangles).sum() / 2)


@pytest.mark.parametrize("suffix", [".off", ".ply", ".stl", ".obj", ".glb"])
def test_every_format_gives_the_same_surface(suffix: str) -> None:
    box = creation.box((2, 1, 1))
    content = as_bytes(box.export(file_type=suffix[1:]))
    surface = read_surface(content, suffix)
    assert surface.repair is None
    assert surface.triangles.shape == (12, 3, 3)
    assert np.abs(surface.triangles).max() == pytest.approx(1)
    assert area(content, suffix) == pytest.approx(10)


def test_text_stl_is_read_too() -> None:
    assert area(as_bytes(creation.box().export(file_type="stl_ascii")), ".stl") == pytest.approx(24, rel=1e-5)


def test_the_fast_way_reads_what_trimesh_reads() -> None:
    content = as_bytes(creation.torus(1, 0.3).export(file_type="off"))
    slow = content.replace(b"OFF\n", b"OFF\n# a comment makes it an uncommon file\n", 1)
    np.testing.assert_array_equal(read_surface(content, ".off").triangles, read_surface(slow, ".off").triangles)


@pytest.mark.parametrize(
    "header", [b"OFF8 12 0\n", b"OFF 8 12 0\n", b"OFF\r\n8 12 0\r\n", b"# made\nOFF\n8 12 0\n", b"\n\nOFF\n\n8 12 0\n"]
)
def test_odd_headers_are_read(header: bytes) -> None:
    assert area(BOX.replace(b"OFF\n8 12 0\n", header, 1), ".off") == pytest.approx(area(BOX, ".off"))


def test_polygons_and_colours_are_read() -> None:
    square = off(SQUARE, [(0, 1, 2, 3)])
    assert area(square, ".off") == pytest.approx(4)
    assert area(square.replace(b"4 0 1 2 3", b"4 0 1 2 3 255 0 0"), ".off") == pytest.approx(4)


def test_faces_without_area_are_left_out_silently() -> None:
    surface = read_surface(off(SQUARE, [(0, 1, 2), (0, 0, 2), (1, 1, 1), (0, 2, 3)]), ".off")
    assert (len(surface.triangles), surface.repair) == (2, None)


def test_faces_without_finite_coordinates_are_left_out_and_said() -> None:
    broken = [*SQUARE, (float("nan"), 0, 0), (float("inf"), 0, 0)]
    surface = read_surface(off(broken, [(0, 1, 2), (0, 2, 3), (0, 1, 4), (1, 2, 5)]), ".off")
    assert len(surface.triangles) == 2
    assert surface.repair == "2 of 4 faces have coordinates that are not finite"
    unused = read_surface(off(broken, [(0, 1, 2)]), ".off")
    assert unused.repair is None


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200, 1e307])
def test_neither_huge_nor_tiny_coordinates_lose_the_surface(scale: float) -> None:
    far = [tuple(scale * (value + 3) for value in vertex) for vertex in SQUARE]
    assert area(off(far, [(0, 1, 2), (0, 2, 3)]), ".off") == pytest.approx(4)  # type: ignore[arg-type]


def test_the_meshes_of_a_scene_are_joined_where_it_puts_them() -> None:
    scene = trimesh.Scene()
    scene.add_geometry(creation.box(), transform=trimesh.transformations.translation_matrix((9, 0, 0)))
    scene.add_geometry(creation.box())
    surface = read_surface(as_bytes(scene.export(file_type="glb")), ".glb")
    assert len(surface.triangles) == 24
    middle = surface.triangles[..., 0]
    assert set(np.round(middle[np.abs(middle) < 0.99], 3).ravel().tolist()) == {-0.8, 0.8}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said_in_a_few_words(name: str) -> None:
    suffix, content, reason = BROKEN[name]
    with pytest.raises(BrokenMesh, match=reason) as caught:
        read_surface(content(), suffix)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 260


@given(st.binary(max_size=300), st.sampled_from([".off", ".ply", ".stl", ".obj", ".glb"]))
@settings(max_examples=25, deadline=None)
def test_arbitrary_bytes_give_a_surface_or_a_reason(content: bytes, suffix: str) -> None:
    try:
        surface = read_surface(content, suffix)
    except BrokenMesh:
        return
    assert np.isfinite(surface.triangles).all()


@given(st.integers(0, len(BOX)), st.integers(0, 255))
@settings(max_examples=25, deadline=None)
def test_one_wrong_byte_gives_a_surface_or_a_reason(place: int, value: int) -> None:
    try:
        surface = read_surface(BOX[:place] + bytes([value]) + BOX[place + 1 :], ".off")
    except BrokenMesh:
        return
    assert (double_areas(surface.triangles) > 0).all()


def test_nothing_that_a_file_names_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "buffer.bin", np.zeros(9, "<f4").tobytes() + np.arange(3, dtype="<u4").tobytes())
    write(tmp_path / "secret.mtl", b"newmtl a\nKd 1 0 0\n")
    with pytest.raises(BrokenMesh, match="cannot be read as GLB"):
        read_surface(glb_with_external_buffer("buffer.bin"), ".glb")
    opened: list[str] = []
    monkeypatch.setattr("builtins.open", lambda file, *_, **__: opened.append(str(file)))
    text = b"mtllib secret.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl a\nf 1 2 3\n"
    assert len(read_surface(text, ".obj").triangles) == 1
    assert opened == []
