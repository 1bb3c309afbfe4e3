"""Meshes as CAD, scanners and modelling programs write them: the whole surface, or one sentence that says why not."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from trimesh import creation

from hmlc_ray.config.points import MeshFolderConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import DataError
from hmlc_ray.meshes.files import Sampling, open_clouds, sampled
from hmlc_ray.meshes.formats.ply import read_ply
from hmlc_ray.meshes.read import BrokenMesh, double_areas, read_surface

BOX = creation.box((2, 2, 2))
CORNERS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
# A prism over a pentagon: two pentagons and five quads, so that polygons differ in size.
RING = [(float(np.cos(t)), float(np.sin(t))) for t in np.arange(5) * 2 * np.pi / 5]
PRISM = [(x, y, z) for z in (-1.0, 1.0) for x, y in RING]
PRISM_FACES = [(4, 3, 2, 1, 0), (5, 6, 7, 8, 9), *((i, (i + 1) % 5, (i + 1) % 5 + 5, i + 5) for i in range(5))]


def raw(kind: str) -> bytes:
    content = BOX.export(file_type=kind)
    return content.encode() if isinstance(content, str) else content


def area(content: bytes, suffix: str) -> float:
    """Of the surface, after it was scaled into a cube from -1 to 1; 24 for a whole box."""
    return float(double_areas(read_surface(content, suffix).triangles).sum() / 2)


def prism_area() -> float:
    mesh = trimesh.Trimesh(PRISM, [(f[0], f[i], f[i + 1]) for f in PRISM_FACES for i in range(1, len(f) - 1)])
    return float(mesh.area)


def refused(content: bytes, suffix: str) -> str:
    with pytest.raises(BrokenMesh) as caught:
        read_surface(content, suffix)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# STL

TEXT = raw("stl_ascii")
BINARY = raw("stl")
LINES = TEXT.decode().strip().splitlines()
HALVES = [b"\n".join(line.encode() for line in part) for part in (LINES[1 : 1 + 42], LINES[1 + 42 : -1])]

SOUND_STL: dict[str, bytes] = {
    "upper case": TEXT.upper(),
    "mixed case": TEXT.replace(b"facet", b"Facet").replace(b"endsolid", b"EndSolid"),
    "blank lines after the end": TEXT + b"\n \n\t\n" * 500,
    "text after the end": TEXT + b"\n" + b"# exported by some program\n" * 100,
    "several solids": b"solid a\n" + HALVES[0] + b"\nendsolid a\nsolid b\n" + HALVES[1] + b"\nendsolid b\n",
    "several solids, upper case": (
        b"SOLID A\n" + HALVES[0].upper() + b"\nENDSOLID A\n\n\nSOLID B\n" + HALVES[1].upper() + b"\nENDSOLID\n"
    ),
    "solids of one name": b"solid\n" + HALVES[0] + b"\nendsolid\nsolid\n" + HALVES[1] + b"\nendsolid\n",
    "CR LF": TEXT.replace(b"\n", b"\r\n"),
    "CR": TEXT.replace(b"\n", b"\r"),
    "tabs and indents": TEXT.replace(b"\n", b"\n\t  ").replace(b" ", b"\t"),
    "space before the start": b"\n  \n" + TEXT,
    "a byte-order mark": b"\xef\xbb\xbf" + TEXT,
    "no end of line at the end": TEXT.rstrip(),
    "a name with words of the format": TEXT.replace(b"solid", b"solid facet vertex normal", 1),
    "a name that is no UTF-8": TEXT.replace(b"solid", b"solid Geh\xe4use \xff", 1),
    "a name with more words at the end": TEXT.rstrip() + b" name of facet solid\n",
    "a long name": TEXT.replace(b"solid", b"solid " + b"x" * 3000, 1),
    "binary": BINARY,
    "binary that begins with solid": b"solid exported by a program".ljust(80) + BINARY[80:],
    "binary that begins with solid facet": b"solid facet normal 0 0 1".ljust(80) + BINARY[80:],
    "binary with bytes behind its end": BINARY + b"made with care",
    "binary with zeros behind its end": BINARY + bytes(4096),
    "binary with colours in the attributes": BINARY[:84] + b"".join(
        BINARY[84 + 50 * i : 84 + 50 * i + 48] + b"\xff\x80" for i in range(12)
    ),
    "binary of a program that could not go back": BINARY[:80] + bytes(4) + BINARY[84:],
}  # fmt: skip

BROKEN_STL: dict[str, tuple[bytes, str]] = {
    "text cut between facets": (TEXT[: TEXT.rindex(b"facet normal")], "cut off"),
    "text in upper case cut between facets": (TEXT.upper()[: TEXT.rindex(b"facet normal")], "cut off"),
    "text cut in a number": (TEXT[: TEXT.rindex(b"vertex") + 10], "cut off"),
    "second solid cut": (TEXT + b"solid b\n" + HALVES[1], "cut off"),
    "text without a corner": (TEXT.replace(b"vertex", b"", 1), "a facet has 2 corners"),
    "text without a coordinate": (TEXT.replace(b"vertex", b"vertex\nvertex", 1), "'vertex', which is not a number"),
    "binary cut in a facet": (BINARY[:-9], "cut off"),
    "binary cut between facets": (BINARY[:-50], "cut off"),
    "binary cut in its header": (b"made by a program"*4, "cut off"),
    "binary with more facets than it announces": (
        BINARY[:80] + struct.pack("<I", 6) + BINARY[84:], "announces 6 faces, but there is room for 12"
    ),
    "empty solid": (b"solid a\nendsolid a\n", "cut off"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND_STL)
def test_stl_that_other_programs_read_is_read_whole(name: str) -> None:
    assert area(SOUND_STL[name], ".stl") == pytest.approx(24, rel=1e-5)


@pytest.mark.parametrize("name", BROKEN_STL)
def test_stl_that_is_not_whole_is_refused(name: str) -> None:
    content, said = BROKEN_STL[name]
    assert said in refused(content, ".stl")


# OFF


def off(
    vertices: list[tuple[float, ...]], faces: list[tuple[int, ...]], head: str = "OFF\n", colour: str = ""
) -> bytes:
    lines = [f"{head}{len(vertices)} {len(faces)} 0", *(" ".join(map(str, vertex)) for vertex in vertices)]
    lines += [" ".join(map(str, (len(face), *face))) + colour for face in faces]
    return ("\n".join(lines) + "\n").encode()


PENTAGONS = off(PRISM, PRISM_FACES)
SOUND_OFF: dict[str, bytes] = {
    "quads and pentagons": PENTAGONS,
    "a joined header": off(PRISM, PRISM_FACES, head="OFF"),
    "a header and counts in one line": off(PRISM, PRISM_FACES, head="OFF "),
    "comments": b"# made\n" + PENTAGONS.replace(b"OFF\n", b"OFF # text\n\n# counts\n").replace(b"\n5 ", b" # x\n\n5 "),
    "CR LF": PENTAGONS.replace(b"\n", b"\r\n"),
    "CR": PENTAGONS.replace(b"\n", b"\r"),
    "a byte-order mark": b"\xef\xbb\xbf" + PENTAGONS,
    "two counts": PENTAGONS.replace(b"10 7 0", b"10 7"),
    "colours of faces": off(PRISM, PRISM_FACES, colour=" 0.2 0.3 0.9 1.0"),
    "colour numbers of faces": off(PRISM, PRISM_FACES, colour=" 7"),
    "COFF": off([(*v, 255, 0, 0, 255) for v in PRISM], PRISM_FACES, head="COFF\n"),
    "NOFF": off([(*v, 0, 0, 1) for v in PRISM], PRISM_FACES, head="NOFF\n"),
    "STCNOFF": off([(*v, 0, 0, 1, 0.1, 0.2, 0.3, 1, 0.5, 0.5) for v in PRISM], PRISM_FACES, head="STCNOFF\n"),
    "an edge among the faces": off(PRISM, [*PRISM_FACES, (0, 1)]),
    "a joined COFF": off([(*v, 255, 0, 0, 255) for v in PRISM], PRISM_FACES, head="COFF "),
}
BROKEN_OFF: dict[str, tuple[bytes, str]] = {
    "cut between polygons": (PENTAGONS[: PENTAGONS.rindex(b"\n4 ")], "cut off"),
    "cut in a polygon": (PENTAGONS.rstrip()[:-2], "cut off"),
    "cut in the vertices": (PENTAGONS[:60], "cut off"),
    "a comment instead of the last polygon": (PENTAGONS.replace(b"\n4 4 0 5 9", b"\n# 4 4 0 5 9"), "cut off"),
    "a polygon without a corner": (PENTAGONS.replace(b"4 0 1 6 5", b"4 0 1 6"), "is a face of 4 corners and lists 3"),
    "a vertex that is not there": (PENTAGONS.replace(b"4 0 1 6 5", b"4 0 1 6 10"), "names vertex 10"),
    "a negative number": (PENTAGONS.replace(b"4 0 1 6 5", b"4 0 1 6 -1"), "names vertex -1"),
    "a flat vertex": (off([(0, 0), *PRISM[1:]], PRISM_FACES), "2 coordinates"),
    "binary": (b"OFF BINARY\n" + bytes(99), "it is a binary OFF"),
    "four dimensions": (off([(*v, 1) for v in PRISM], PRISM_FACES, head="4OFF\n"), "it is a 4OFF"),
    "n dimensions": (b"nOFF\n3\n" + PENTAGONS[4:], "it is a nOFF"),
    "other words": (b"ply\n" + PENTAGONS, "does not begin with OFF"),
}


@pytest.mark.parametrize("name", SOUND_OFF)
def test_off_with_polygons_of_several_sizes_is_read_whole(name: str) -> None:
    surface = read_surface(SOUND_OFF[name], ".off")
    assert len(surface.triangles) == 2 * 3 + 5 * 2
    assert surface.repair is None
    assert area(SOUND_OFF[name], ".off") == pytest.approx(prism_area(), rel=1e-6)


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_off_that_is_not_whole_is_refused_in_words_of_its_own(name: str) -> None:
    content, said = BROKEN_OFF[name]
    assert said in refused(content, ".off")


def test_lines_behind_the_faces_are_reported() -> None:
    surface = read_surface(off(PRISM, PRISM_FACES) + b"3 0 1 2\n", ".off")
    assert surface.repair == "1 line follows the 7 faces that the file announces"


# PLY

TYPES = {"char": "b", "uchar": "B", "short": "h", "int": "i", "uint": "I", "float": "f", "double": "d"}


def ply(
    form: str, faces: list[tuple[int, ...]] = PRISM_FACES, *, name: str = "vertex_indices", end: str = "\n",
    before: str = "", extra: str = "", count: str = "uchar", index: str = "int", real: str = "float",
) -> bytes:  # fmt: skip
    """A prism; `before` declares an element of two numbers ahead of it, `extra` a colour of each face."""
    header = ["ply", f"format {form} 1.0", "comment made", "obj_info x"]
    header += ["element camera 2", "property float a"] if before else []
    header += [f"element vertex {len(PRISM)}", "property uchar red", *(f"property {real} {axis}" for axis in "xyz")]
    header += [f"element face {len(faces)}", f"property list {count} {index} {name}"]
    header += ["property uchar grey"] if extra else []
    content = [(end.join([*header, "end_header"]) + end).encode()]
    rows: list[list[tuple[str, float]]] = [[("float", 1.5)], [("float", 2.5)]] if before else []
    rows += [[("uchar", 200), *((real, value) for value in vertex)] for vertex in PRISM]
    rows += [
        [(count, len(face)), *((index, corner) for corner in face), *([("uchar", 9)] if extra else [])]
        for face in faces
    ]
    order = ">" if "big" in form else "<"
    for row in rows:
        if form == "ascii":
            content.append((" ".join(f"{value:.9g}" for _, value in row) + end).encode())
        else:
            content += [struct.pack(order + TYPES[kind], value) for kind, value in row]
    return b"".join(content)


FORMS = ["ascii", "binary_little_endian", "binary_big_endian"]
SOUND_PLY: dict[str, Callable[[str], bytes]] = {
    "polygons": ply,
    "an element ahead": lambda form: ply(form, before="camera"),
    "colours of faces": lambda form: ply(form, extra="grey"),
    "the other name": lambda form: ply(form, name="vertex_index"),
    "wide types": lambda form: ply(form, count="int", index="uint", real="double"),
    "narrow types": lambda form: ply(form, count="char", index="short"),
    "CR LF": lambda form: ply(form, end="\r\n"),
    "a line at the end": lambda form: ply(form) + b"\n",
    "triangles": lambda form: ply(form, [(f[0], f[i], f[i + 1]) for f in PRISM_FACES for i in range(1, len(f) - 1)]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SOUND_PLY)
def test_ply_is_read_whole_as_text_and_binary(form: str, name: str) -> None:
    content = SOUND_PLY[name](form)
    surface = read_surface(content, ".ply")
    assert len(surface.triangles) == 2 * 3 + 5 * 2
    assert surface.repair is None
    assert area(content, ".ply") == pytest.approx(prism_area(), rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SOUND_PLY)
def test_ply_that_is_cut_off_is_refused_wherever_it_is_cut(form: str, name: str) -> None:
    content = SOUND_PLY[name](form).rstrip()
    start = content.index(b"end_header")
    rows = content.rstrip().count(b"\n", start) if form == "ascii" else 0
    ends = [start - 20, start + 3, start + 40, len(content) - 30, len(content) - 3]
    if rows:  # between two faces, between two vertices, and after a whole number
        places = [place for place in range(start, len(content)) if content[place] in b"\n "]
        ends = [*ends[:2], *places[1:-1:5], places[-1]]
    for end in ends:
        assert "cut off" in refused(content[:end], ".ply"), content[:end]


def test_ply_of_points_alone_says_so() -> None:
    assert refused(ply("ascii", []), ".ply") == "it holds no faces, only 10 points"
    points = trimesh.PointCloud(PRISM).export(file_type="ply")
    assert refused(points, ".ply") == "it holds no faces, only 10 points"


def test_ply_with_more_than_it_announces_is_not_read_in_part_without_a_word() -> None:
    assert "4 numbers more than its header announces" in refused(ply("ascii") + b"3 0 1 2\n", ".ply")
    more = read_surface(ply("binary_little_endian") + b"\3abcdefghijkl", ".ply")
    assert more.repair == "13 bytes follow what its header announces"


def test_triangle_strips_of_scanners_are_read() -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 6\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element tristrips 2\nproperty list int int vertex_indices\nend_header\n"
    rows = "".join(f"{i // 2} {i % 2} 0\n" for i in range(6))
    mesh = read_ply(f"{head}{rows}8 0 1 2 3 -1 2 3 4\n3 3 4 5\n".encode())
    assert sorted(map(sorted, mesh.faces.tolist())) == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert mesh.faces.tolist()[1] in ([2, 1, 3], [1, 3, 2], [3, 2, 1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((b"4 0 1 6 5", b"4 0 1 6 10"), "names vertex 10"),
        ((b"4 0 1 6 5", b"4 0 1 6 -1"), "names vertex -1"),
        ((b"4 0 1 6 5", b"4 0 1 6 0.5"), "not a whole number"),
        ((b"4 0 1 6 5", b"4 0 1 6 x"), "holds 'x', which is not a number"),
        ((b"list uchar int", b"list uchar real"), "unknown type 'real'"),
        ((b"format ascii", b"format text"), "its format is 'text'"),
        ((b"vertex_indices", b"corners"), None),
    ],
)
def test_ply_that_makes_no_sense_says_what(change: tuple[bytes, bytes], said: str | None) -> None:
    content = ply("ascii").replace(*change)
    assert said in refused(content, ".ply") if said else area(content, ".ply") > 0


# OBJ

OBJ = "".join(f"v {x} {y} {z}\n" for x, y, z in PRISM)


def obj_faces(write: Callable[[int], str]) -> str:
    return "".join("f " + " ".join(write(corner + 1) for corner in face) + "\n" for face in PRISM_FACES)


SOUND_OBJ: dict[str, str] = {
    "polygons": OBJ + obj_faces(str),
    "v/vt": "vt 0 0\n" + OBJ + obj_faces(lambda c: f"{c}/1"),
    "v//vn": "vn 0 0 1\n" + OBJ + obj_faces(lambda c: f"{c}//1"),
    "v/vt/vn": "vn 0 0 1\nvt 0 0\n" + OBJ + obj_faces(lambda c: f"{c}/1/1"),
    "a colour of each vertex": OBJ.replace("\n", " 0.1 0.2 0.3\n") + obj_faces(str),
    "weights of vertices": OBJ.replace("\n", " 1.0\n") + obj_faces(str),
    "groups, materials, comments": (
        "mtllib a.mtl\no thing\n" + OBJ + "g one\nusemtl red\ns off\n" + obj_faces(str).replace("\n", " # f 1 2\n")
    ),
    "tabs and CR LF": (OBJ + obj_faces(str)).replace(" ", "\t").replace("\n", "\r\n"),
    "lines that go on": OBJ + obj_faces(str).replace("f 5 4", "f 5 \\\n4"),
    "no end of line": (OBJ + obj_faces(str)).rstrip(),
    "a number back from the end": OBJ + obj_faces(lambda c: str(c - 11)),
    "faces between the vertices, counted back": "".join(
        "".join(f"v {x} {y} {z}\n" for x, y, z in (PRISM[c] for c in face))
        + "f " + " ".join(str(i - len(face)) for i in range(len(face))) + "\n"
        for face in PRISM_FACES
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND_OBJ)
def test_obj_is_read_whole(name: str) -> None:
    content = SOUND_OBJ[name].encode()
    assert len(read_surface(content, ".obj").triangles) == 2 * 3 + 5 * 2
    assert area(content, ".obj") == pytest.approx(prism_area(), rel=1e-6)


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ("f 1 2\n", "line 11 is a face of 2 corners"),
        ("f 1\n", "line 11 is a face of 1 corners"),
        ("f\n", "line 11 is a face of 0 corners"),
        ("f 1 2 0\n", "line 11 names vertex 0"),
        ("f 1 2 11\n", "names vertex 10 (counted from 0), but there are 10"),
        ("f 1 2 -11\n", "line 11 names vertex -11, but there are 10 above it"),
        ("f 1 2 3/\nf 4 5 x\n", "line 12 holds 'x', which is not a whole number"),
        ("v 1 2\nf 1 2 3\n", "line 11 is a vertex of 2 coordinates"),
        ("", "it holds no faces, only 10 points"),
    ],
)
def test_obj_that_makes_no_sense_says_where(tail: str, said: str) -> None:
    assert said in refused((OBJ + tail).encode(), ".obj")


# GLB


def glb(change: Callable[[dict[str, object]], object]) -> bytes:
    """A box, its description changed."""
    content = raw("glb")
    length = int.from_bytes(content[12:16], "little")
    tree = json.loads(content[20 : 20 + length])
    change(tree)
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    return struct.pack("<5I", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def test_glb_obeys_the_transforms_of_its_scene() -> None:
    scene = trimesh.Scene()
    scene.add_geometry(BOX, transform=trimesh.transformations.translation_matrix((9, 0, 0)))
    scene.add_geometry(BOX, transform=np.diag([2.0, 2.0, 2.0, 1.0]))
    surface = read_surface(scene.export(file_type="glb"), ".glb")
    areas = double_areas(surface.triangles).reshape(2, 12).sum(axis=1)
    assert sorted(areas / areas.min()) == pytest.approx([1, 4])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: tree.update(extensionsRequired=["KHR_draco_mesh_compression"]), "compressed (KHR_draco"),
        (lambda tree: tree.update(extensionsRequired=["EXT_meshopt_compression"]), "compressed (EXT_meshopt"),
        (lambda tree: tree["meshes"][0]["primitives"][0].update(mode=6), "triangle fans"),
        (lambda tree: [a.update(sparse={"count": 1}) for a in tree["accessors"]], "sparse accessors"),
        (lambda tree: [a.update(normalized=True) for a in tree["accessors"]], "quantised"),
        (lambda tree: tree["meshes"][0]["primitives"][0].update(mode=1), "holds no faces"),
        (lambda tree: tree["accessors"][0].update(count=9999), "cannot be read as GLB"),
    ],
)
def test_glb_with_what_would_be_left_out_or_misplaced_is_refused(
    change: Callable[[dict[str, object]], object], said: str
) -> None:
    assert area(glb(lambda tree: None), ".glb") == pytest.approx(24, rel=1e-6)
    assert said in refused(glb(change), ".glb")


def test_glb_with_numbers_out_of_range_is_refused() -> None:
    content = raw("glb")
    place = content.index(BOX.faces.astype("<u4").tobytes())
    assert "names vertex 99" in refused(content[:place] + struct.pack("<I", 99) + content[place + 4 :], ".glb")


# Whatever the format

OTHERS: dict[str, tuple[bytes, str]] = {
    "an AppleDouble file": (b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(200), "AppleDouble"),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>" * 9, "a web page"),
    "an LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS"),
    "zeros": (bytes(500), "zeros"),
    "nothing": (b"", "the file is empty"),
}


@pytest.mark.parametrize("suffix", [".off", ".stl", ".ply", ".obj", ".glb"])
@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_mesh_at_all_is_called_what_it_is(name: str, suffix: str) -> None:
    content, said = OTHERS[name]
    assert said in refused(content, suffix)


def test_a_pipe_among_the_meshes_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.off")
    assert sampled(tmp_path / "0.off", Sampling(16, False, 0)).problem == "it is not a regular file"
    _, stored = open_clouds([tmp_path / "0.off"], tmp_path, Sampling(16, False, 0), strict=False)
    assert stored.problems == {0: "it is not a regular file"}


def mesh_folder(root: Path) -> Path:
    for leaf in ("a", "b"):
        (root / leaf).mkdir(parents=True)
        for i in range(4):
            box = creation.box((1, 2, 1 + i))
            (root / leaf / f"{i}.off").write_text(box.export(file_type="off"))
    return root


def test_a_set_with_one_of_each_is_read_named_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = mesh_folder(tmp_path / "set")
    (root / "a" / "upper.STL").write_bytes(TEXT.upper())
    (root / "a" / "pentagons.off").write_bytes(PENTAGONS)
    assert len(load_data(MeshFolderConfig(root=str(root), num_points=16)).train.inputs) == 10
    cut = ply("ascii")
    (root / "b" / "torn.ply").write_bytes(cut[: cut.rindex(b"\n4 ")])
    with pytest.raises(DataError, match=r"cannot use the mesh '.*b/torn\.ply': the file is cut off; repair"):
        load_data(MeshFolderConfig(root=str(root), num_points=16))
    load_data(MeshFolderConfig(root=str(root), num_points=16, on_bad_file="skip"))
    assert "1 of 11 meshes were skipped" in caplog.text


def test_clouds_that_an_older_version_sampled_are_sampled_again_under_their_key(tmp_path: Path) -> None:
    files = [tmp_path / "0.stl", tmp_path / "1.stl"]
    for file in files:
        file.write_bytes(TEXT.upper())
    sampling = Sampling(16, False, 0)
    key, stored = open_clouds(files, tmp_path, sampling, strict=False)
    meta_file = next(Path(os.environ["HMLC_CACHE"]).glob(f"points-{key}/meta.json"))
    meta = json.loads(meta_file.read_text())
    del meta["maker"]
    meta_file.write_text(json.dumps(meta | {"problems": {"0": "the file is cut off"}}))
    again, fresh = open_clouds(files, tmp_path, sampling, strict=False)
    assert (again, fresh.problems) == (key, {})
    np.testing.assert_array_equal(fresh.clouds, stored.clouds)
