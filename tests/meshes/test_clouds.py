"""Files of points: every format and what is odd or wrong with one, and drawing so many of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib import format as npy

from hmlc_ray.meshes.clouds import Drawing
from hmlc_ray.meshes.read import BrokenMesh

RNG = np.random.default_rng(3)
POINTS = RNG.normal(size=(40, 3))
NORMALS = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
BOTH = np.concatenate([POINTS, NORMALS], axis=1)


def draw(content: bytes, suffix: str, count: int = 40, **settings: object) -> np.ndarray:
    return noted(content, suffix, count, **settings)[0]


def noted(content: bytes, suffix: str, count: int = 40, **settings: object) -> tuple[np.ndarray, str | None]:
    values = {"normals": False, "seed": 0, "scaling": "none"} | settings
    return Drawing(count, **values).cloud(content, suffix, np.random.default_rng(0))  # type: ignore[arg-type]


def as_npy(array: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def as_npz(save: Callable[..., None] = np.savez, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def as_text(table: np.ndarray, separator: str = " ", head: str = "", end: str = "\n") -> bytes:
    return (head + end.join(separator.join(f"{number:.9f}" for number in row) for row in table) + end).encode()


def as_ply(table: np.ndarray, form: str = "ascii", names: str = "x y z nx ny nz", faces: str = "") -> bytes:
    columns = "".join(f"property float {name}\n" for name in names.split()[: table.shape[1]])
    head = f"ply\nformat {form} 1.0\nelement vertex {len(table)}\n{columns}{faces}end_header\n".encode()
    if form == "ascii":
        return head + as_text(table)
    return head + table.astype("<f4" if "little" in form else ">f4").tobytes()


def huge(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + bytes(64)


SOUND = {
    "npy of float64": (as_npy(POINTS), ".npy"),
    "npy of float16": (as_npy(POINTS.astype(np.float16)), ".npy"),
    "npy in Fortran's order": (as_npy(np.asfortranarray(POINTS.astype(np.float32))), ".npy"),
    "npy of another byte order": (as_npy(POINTS.astype(">f4")), ".npy"),
    "npy with normals": (as_npy(BOTH), ".npy"),
    "npz": (as_npz(points=POINTS), ".npz"),
    "npz, compressed, of another name": (as_npz(np.savez_compressed, whatever=POINTS), ".npz"),
    "npz with normals beside": (as_npz(pos=POINTS, normals=NORMALS, label=np.array(3)), ".npz"),
    "ply": (as_ply(POINTS), ".ply"),
    "ply, binary": (as_ply(BOTH, "binary_little_endian"), ".ply"),
    "ply, the other byte order": (as_ply(POINTS, "binary_big_endian"), ".ply"),
    "ply with an empty element of faces": (
        as_ply(POINTS, faces="element face 0\nproperty list uchar int vertex_indices\n"), ".ply"),
    "xyz": (as_text(POINTS), ".xyz"),
    "txt with commas and normals, as ModelNet40 is published": (as_text(BOTH, ","), ".txt"),
    "txt with semicolons": (as_text(POINTS, "; "), ".txt"),
    "txt with tabs and Windows' line ends": (as_text(POINTS, "\t", end="\r\n"), ".txt"),
    "txt with a header and comments": (as_text(POINTS, ",", head="x,y,z\n# by a scanner\n\n// here\n"), ".txt"),
    "pts with its number of points": (as_text(POINTS, head="40\n"), ".pts"),
    "pts with intensities": (as_text(np.hstack([POINTS, np.ones((40, 1))]), head="40\n"), ".pts"),
    "txt without a line end": (as_text(POINTS).rstrip(), ".txt"),
    "the output of a program, sent to a file by PowerShell": (as_text(POINTS).decode().encode("utf-16"), ".xyz"),
    "a byte-order mark": (b"\xef\xbb\xbf" + as_text(POINTS), ".xyz"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_every_format_gives_its_points(name: str) -> None:
    cloud = draw(*SOUND[name])
    assert cloud.dtype == np.float32
    order = np.argsort(cloud[:, 0])
    np.testing.assert_allclose(cloud[order], POINTS[np.argsort(POINTS[:, 0])], atol=2e-3 if "16" in name else 1e-6)


@pytest.mark.parametrize("content", [
    (as_npy(BOTH), ".npy"), (as_npz(points=POINTS, normals=NORMALS), ".npz"), (as_ply(BOTH), ".ply"),
    (as_text(BOTH, ","), ".txt"), (as_text(np.hstack([POINTS, 1.05 * NORMALS])), ".xyz"),
])  # fmt: skip
def test_normals_stay_with_their_points_and_have_length_one(content: tuple[bytes, str]) -> None:
    cloud = draw(*content, normals=True)
    assert cloud.shape == (40, 6)
    np.testing.assert_allclose(np.linalg.norm(cloud[:, 3:], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        cloud[:, :3] / np.linalg.norm(cloud[:, :3], axis=1, keepdims=True), cloud[:, 3:], atol=1e-4
    )


BROKEN = {
    "empty": (b"", ".npy", "the file is empty"),
    "spaces": (b" \n ", ".txt", "the file is empty"),
    "an npy that is cut off": (as_npy(POINTS)[:300], ".npy", "the file is cut off: its header announces 960 bytes"),
    "an npy with more": (as_npy(POINTS) + b"12345678", ".npy", "it holds 8 bytes more"),
    "a header of exabytes": (huge((2**60, 3)), ".npy", "is cut off: its header announces 27,6"),
    "a header of negative size": (huge((-5, 3)), ".npy", "negative size|not an NPY"),
    "pickled objects": (as_npy(np.array([{}, None]), allow_pickle=True), ".npy", "pickled Python objects"),
    "texts": (as_npy(np.array(["a", "b"])), ".npy", "values of type <U1, not real numbers"),
    "complex numbers": (as_npy(POINTS.astype(complex)), ".npy", "type complex128"),
    "fields": (as_npy(np.zeros(4, [("x", "f4"), ("y", "f4")])), ".npy", "not real numbers"),
    "a batch of clouds": (as_npy(np.zeros((2, 40, 3))), ".npy", r"has the shape \[2, 40, 3\], not \[points, 3\]"),
    "columns": (as_npy(POINTS.T), ".npy", "has to be transposed"),
    "no points": (as_npy(np.zeros((0, 3))), ".npy", "it holds no points"),
    "not finite": (as_npy(np.full((9, 3), np.nan)), ".npy", "its coordinates are not finite"),
    "one point": (as_npy(np.ones((1, 3))), ".npy", "it holds a single point"),
    "one point many times": (as_npy(np.ones((9, 3))), ".npy", "all of its points are the same"),
    "no archive": (b"PK\x03\x04 and nothing more", ".npz", "it is not an NPZ file"),
    "an archive without points": (
        as_npz(a=POINTS, b=POINTS), ".npz", "none of its arrays is called points: it holds a, b"),
    "normals of another size": (as_npz(points=POINTS, normals=NORMALS[:9]), ".npz", "its normals have the shape"),
    "a ply of a mesh": (
        as_ply(POINTS, faces="element face 1\nproperty list uchar int vertex_indices\n") + b"3 0 1 2\n", ".ply",
        "1 faces: data.kind mesh-folder"),
    "a ply that is cut off": (as_ply(POINTS, "binary_little_endian")[:-9], ".ply", "the file is cut off"),
    "a ply of other numbers": (as_ply(POINTS).replace(b" x\n", b" u\n"), ".ply",
        "its vertices have no x, only u, y, z"),
    "a ply with a header out of order": (b"ply\nformat ascii 1.0\nproperty float x\nend_header\n", ".ply",
        "has a property before the first element"),
    "a ply without a count": (as_ply(POINTS).replace(b"vertex 40", b"vertex many"), ".ply",
        "announces 'many' of the element 'vertex', not a whole number"),
    "words": (b"1 2 3\n4 five 6\n", ".txt", "line 2 holds 'five', which is not a number"),
    "two columns": (b"1 2\n3 4\n", ".xyz", "line 1 has 2 numbers, but a point has x, y and z"),
    "ragged": (b"1 2 3\n1 2 3 4\n1 2 3\n", ".xyz", "line 2 has 4 numbers, line 1 has 3"),
    "decimal commas": (b"1,5 2,5 3,5\n1,0 2,0 3,0\n", ".xyz", "decimal commas"),
    "a text that is cut off": (b"1 2 3\n4 5 6\n7 8", ".xyz", "the file is cut off"),
    "fewer than announced": (b"3\n1 2 3\n4 5 6\n", ".pts", "the file is cut off"),
    "a molecule": (b"2\nwater\nO 0 0 0\nH 0 0 1\n", ".xyz", "which is not a number|has 1 number"),
    "a web page": (b"<html><body>404</body></html>", ".npy", "it is a web page"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\noid 1\n", ".npy", "pointer of Git LFS"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_cloud_is_said_in_a_few_words(name: str) -> None:
    content, suffix, reason = BROKEN[name]
    with pytest.raises(BrokenMesh, match=reason) as caught:
        draw(content, suffix)
    assert "\n" not in str(caught.value)


def test_an_archive_that_would_unpack_to_gigabytes_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.meshes.cloud_formats.MOST_BYTES", 1 << 20)
    with pytest.raises(BrokenMesh, match=r"it unpacks to 24,000,128 bytes, more than the 1,048,576"):
        draw(as_npz(np.savez_compressed, points=np.zeros((1_000_000, 3))), ".npz")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", huge((2**40, 3)))
    with pytest.raises(BrokenMesh, match="the file is cut off: its header"):
        draw(stream.getvalue(), ".npz")


def test_normals_that_are_wanted_have_to_be_normals() -> None:
    with pytest.raises(BrokenMesh, match=r"it holds no normals, but data\.normals is true"):
        draw(as_npy(POINTS), ".npy", normals=True)
    colours = np.hstack([POINTS, RNG.integers(0, 256, (40, 3))])
    with pytest.raises(BrokenMesh, match=r"not unit normals"):
        draw(as_npy(colours), ".npy", normals=True)
    assert draw(as_npy(colours), ".npy").shape == (40, 3)


def test_points_that_are_not_finite_are_left_out_and_noted() -> None:
    dirty = POINTS.copy()
    dirty[3] = np.nan
    dirty[7, 1] = np.inf
    cloud, note = noted(as_npy(dirty), ".npy", 16)
    assert note == "2 of 40 points are not finite"
    assert np.isfinite(cloud).all()


def test_points_are_drawn_without_repetition_where_there_are_enough() -> None:
    """From all of the file, whatever its order, and the same ones for the same state."""
    line = np.arange(300, dtype=np.float64).reshape(100, 3)
    cloud = draw(as_npy(line), ".npy", 20)
    assert len(np.unique(cloud[:, 0])) == 20
    assert cloud[:, 0].max() > 150 > 60 > cloud[:, 0].min()
    np.testing.assert_array_equal(cloud, draw(as_npy(line), ".npy", 20))


def test_a_file_with_too_few_has_its_points_repeated_equally_often() -> None:
    cloud, note = noted(as_npy(POINTS[:7]), ".npy", 24)
    assert note == "there are 7 points, which are repeated"
    counts = np.unique(cloud, axis=0, return_counts=True)[1]
    assert sorted(set(counts.tolist())) == [3, 4]


@pytest.mark.parametrize("factor", [1, 1e-200, 1e200])
def test_clouds_are_scaled_into_the_unit_ball_or_kept(factor: float) -> None:
    moved = (POINTS + 5) * factor
    cloud = draw(as_npy(moved), ".npy", scaling="unit-ball")
    np.testing.assert_allclose(cloud.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(cloud, axis=1).max(), 1, atol=1e-6)
    if factor == 1e200:
        with pytest.raises(BrokenMesh, match="too large for float32"):
            draw(as_npy(moved), ".npy")


def attempted(content: bytes, suffix: str) -> str | None:
    """Why a cloud cannot be read; None where it can, and its points are finite."""
    try:
        cloud = draw(content, suffix, 16)
    except BrokenMesh as error:
        return str(error)
    return None if np.isfinite(cloud).all() else "infinite\n"


def test_arbitrary_bytes_under_every_suffix_are_broken_or_clouds() -> None:
    rng = np.random.default_rng(11)
    for name, (content, suffix) in SOUND.items():
        for _ in range(30):
            damaged = bytearray(content)
            for place in rng.integers(0, len(content), 4):
                damaged[place] = rng.integers(0, 256)
            cut = int(rng.integers(1, len(content) + 1))
            for attempt in (bytes(damaged), content[:cut]):
                assert "\n" not in (attempted(attempt, suffix) or ""), name
