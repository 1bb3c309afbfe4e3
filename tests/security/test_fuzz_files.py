"""Files from outside, damaged at random and on purpose: only this package's errors come out, in bounded time."""

from __future__ import annotations

import io
import json
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import trimesh
from fuzzing import FUZZ, bounded, damaged, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hmlc_ray.config.data import MnistConfig
from hmlc_ray.config.files import load_trial
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.data import mnist
from hmlc_ray.data.decode import BY_DEFAULT
from hmlc_ray.data.images import decode_blocks
from hmlc_ray.folders.manifest import read_manifest
from hmlc_ray.meshes.read import BrokenMesh, read_surface
from hmlc_ray.taxonomies import from_csv, from_json
from hmlc_ray.taxonomies.text import render_text

SPACE = b"""\
study: {name: s, num_trials: 4, sampler: {kind: tpe}, scheduler: {kind: asha}, refit: {workers: 1}}
trials: {workers: "1:2", resources: {cpus: 1, gpus: 0.5}}
base:
  data: {kind: digits}
  training: {epochs: 3}
space:
  optimiser.learning_rate: {float: [1e-4, 1e-1], log: true}
  encoder.kind: {choice: [convnet, mlp]}
  objective.level_weights: {simplex: levels}
  objective:
    branch:
      g-hmlc: {mixture_components: {int: [2, 6]}}
      a-hmlc: {attention_temperature: {float: [0.5, 2.0]}}
profiles:
  fast: {study.num_trials: 2}
"""
TRIAL = b"""\
seed: 3
data: {kind: digits, taxonomy: parity}
encoder: {kind: mlp, hidden_dim: 64}
objective: {kind: g-hmlc, temperature: [0.1, 0.2]}
training: {epochs: 3, global_batch_size: 128}
"""
YAML_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"!!python/object/apply:os.system [x]",
    b"!x ",
    b"<<: *a",
    b"\t",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"|\n",
    b">-\n",
    b"'",
    b'"',
    b"\\x1b",
    b"---\n",
    b"...\n",
    b"%YAML 1.2\n---\n",
    b".inf",
    b"-.inf",
    b".nan",
    b"1e400",
    b"-0",
    b"9" * 400,
    b"~",
    b"true",
    b"null",
    b"__class__",
    b"? ",
    b"#",
    b"kind",
)


@FUZZ
@given(damaged(SPACE, YAML_TOKENS) | damaged(TRIAL, YAML_TOKENS) | st.binary(max_size=60))
def test_yaml(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    refusal(lambda: load_sweep(file))
    refusal(lambda: load_trial(file))


HEAD = "study: {name: s}\nbase: {objective: {kind: g-hmlc}}\nspace:\n"
RATES = f"{{choice: [{', '.join(f'{i}e-6' for i in range(1, 3001))}]}}"
BOMBS = {
    "flow nesting": "a: " + "{a: " * 100_000,
    "block nesting": "".join(" " * depth + "a:\n" for depth in range(1000)),
    "aliases": "a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopq")),
    "merge keys": "a: &a {x: 1}\nb: {<<: *a}\n",
    "a long text": "encoder: {kind: " + "x" * 900_000 + "}\n",
    "a long list": "encoder: {kind: [" + "1," * 200_000 + "1]}\n",
    "unknown keys": "".join(f"k{i}: 1\n" for i in range(20_000)),
    "unknown dimensions": "study: {name: s}\nspace:\n" + "".join(f"  k{i}: {{int: [0, 1]}}\n" for i in range(10_000)),
    "choices in pairs": f"{HEAD}  optimiser.learning_rate: {RATES}\n  optimiser.weight_decay: {RATES}\n",
    "kinds": f"{HEAD}  encoder: {{branch: {{{', '.join(f'k{i}: {{}}' for i in range(10_000))}}}}}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_is_never_a_long_wait(tmp_path: Path, name: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(BOMBS[name])
    with bounded(seconds=20, megabytes=500):
        assert refusal(lambda: load_sweep(file))


TABLE = b'leaf,kind,realm\ngolden retriever,dog,animal\nsiamese,cat,animal\n"oak, red",tree,plant\nrose,flower,plant\n'
TABLE_TOKENS = (
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\r\n",
    b"\x00",
    b"\xff",
    b"leaf",
    b"mean",
    b"\x1b[2J",
    b",,",
    b'"""',
    b"\xe2\x80\xae",
)


@FUZZ
@given(damaged(TABLE, TABLE_TOKENS) | st.binary(max_size=60))
def test_taxonomy_csv(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    refusal(lambda: fit_to_be_shown(render_text(from_csv(file))))


NESTED = json.dumps({"level_names": ["realm", "kind"], "tree": {"animal": ["dog", "cat"], "plant": ["oak"]}}).encode()
PLAIN = json.dumps(
    {"level_names": ["a", "b"], "class_names": [["x", "y"], ["0", "1", "2"]], "leaf_paths": [[0, 0], [1, 1], [1, 2]]}
).encode()
JSON_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"NaN",
    b"0.5",
    b"9" * 30,
    b'"\\ud800"',
    b'"\\u001b[2J"',
    b'"\\n"',
    b"[]",
    b"{}",
    b'""',
    b"\xff",
    b"\x00",
    b'"tree"',
    b'"leaf_paths"',
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "mean", "leaf", "\ud800", "\x07"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", ""]), inner, max_size=3),
    max_leaves=8,
)
trees = st.fixed_dictionaries({}, optional=dict.fromkeys(("level_names", "class_names", "leaf_paths", "tree"), values))


@FUZZ
@given(damaged(NESTED, JSON_TOKENS) | damaged(PLAIN, JSON_TOKENS) | trees.map(lambda tree: json.dumps(tree).encode()))
def test_taxonomy_json(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.json"
    file.write_bytes(content)
    refusal(lambda: fit_to_be_shown(render_text(from_json(file))))


@pytest.mark.parametrize("depth", [40, 300, 900, 985, 100_000])
def test_deep_json_is_refused(tmp_path: Path, depth: int) -> None:
    file = tmp_path / "t.json"
    file.write_text('{"tree": ' + '{"a": ' * depth + '["x", "y"]' + "}" * (depth + 1))
    with bounded(seconds=10, megabytes=200):
        assert bool(refusal(lambda: from_json(file))) == (depth > 50)


def test_a_table_that_never_ends_is_refused() -> None:
    with bounded(seconds=20, megabytes=500):
        assert "larger than" in refusal(lambda: from_csv("/dev/zero"))
        assert "larger than" in refusal(lambda: from_json("/dev/zero"))


def fit_to_be_shown(text: str) -> None:
    """A terminal shows it as it is: no control characters but the ends of lines, and UTF-8 can hold it."""
    text.encode("utf-8")
    assert text.replace("\n", "").isascii() or not any(
        "\x00" <= c < " " or "\x7f" <= c < "\xa0" for c in text if c != "\n"
    )


def idx(type_code: int, shape: tuple[int, ...], body: bytes) -> bytes:
    return struct.pack(">HBB", 0, type_code, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + body


IMAGES, LABELS = idx(8, (30, 28, 28), bytes(30 * 784)), idx(8, (30,), bytes(i % 10 for i in range(30)))
IDX_TOKENS = (
    b"\x00",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x08\x03",
    b"\x00\x00\x0e\x03",
    b"\x00\x00\x08\x01",
)


def mnist_files(folder: Path, images: bytes, labels: bytes) -> MnistConfig:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in (("train", (images, labels)), ("t10k", (IMAGES, LABELS))):
        for kind, file in zip(("images-idx3", "labels-idx1"), content, strict=True):
            (raw / f"{name}-{kind}-ubyte").write_bytes(file)
    return MnistConfig(root=str(folder))


def test_the_undamaged_files_are_read(tmp_path: Path) -> None:
    data = mnist.load(mnist_files(tmp_path, IMAGES, LABELS))
    assert len(data.train) + len(data.val or ()) == 30


@FUZZ
@given(damaged(IMAGES, IDX_TOKENS), damaged(LABELS, IDX_TOKENS), st.sampled_from(["images", "labels", "both"]))
def test_idx(tmp_path: Path, images: bytes, labels: bytes, which: str) -> None:
    config = mnist_files(tmp_path, IMAGES if which == "labels" else images, LABELS if which == "images" else labels)
    refusal(lambda: mnist.load(config))


@pytest.mark.parametrize(
    "header",
    [
        idx(8, (2**32 - 1, 2**32 - 1, 2**32 - 1), b""),
        idx(8, (2**31, 28, 28), bytes(784)),
        idx(8, (0, 2**32 - 1, 2**32 - 1), b""),
        idx(14, (30, 28, 28), bytes(30 * 784 * 8)),
        idx(8, (30, 1, 784), bytes(30 * 784)),
        idx(8, (30, 28, 28), bytes(30 * 784)) + b"more",
        idx(8, (0, 28, 28), b""),
        b"",
        b"\x00\x00\x08",
        b"\x1f\x8b" + bytes(20),
    ],
)
def test_a_header_that_lies(tmp_path: Path, header: bytes) -> None:
    with bounded(seconds=10, megabytes=200):
        assert refusal(lambda: mnist.load(mnist_files(tmp_path, header, LABELS)))


@pytest.mark.parametrize("label", [10, 255])
def test_a_label_that_is_no_digit(tmp_path: Path, label: int) -> None:
    labels = idx(8, (30,), bytes([label, *(i % 10 for i in range(29))]))
    assert refusal(lambda: mnist.load(mnist_files(tmp_path, IMAGES, labels)))


MANIFEST = b'path,leaf,kind,split\na/1.png,dog,animal,train\na/2.png,cat,animal,train\n"b, 1.png",oak,plant,val\n'
MANIFEST_TOKENS = (
    *TABLE_TOKENS, b"../", b"/etc/passwd", b"a/../../x", b"train", b"test", b"split", b"path", b"link/x.png", b"a",
)  # fmt: skip


@FUZZ
@given(damaged(MANIFEST, MANIFEST_TOKENS) | st.binary(max_size=60))
def test_manifest(tmp_path: Path, content: bytes) -> None:
    root = tmp_path / "root"
    if not root.exists():
        (root / "a").mkdir(parents=True)
        (root / "link").symlink_to(tmp_path)
        for place in (root / "a" / "1.png", root / "a" / "2.png", root / "b, 1.png", tmp_path / "x.png"):
            place.write_bytes(b"")
    (root / "m.csv").write_bytes(content)

    def read() -> None:
        manifest = read_manifest(root / "m.csv")
        for sample in (sample for samples in manifest.samples.values() for sample in samples):
            assert sample.file.resolve().is_relative_to(root)
            fit_to_be_shown("/".join(sample.path))

    refusal(read)


OFF = b"OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n"
OFF_TOKENS = (
    b"OFF", b"\n", b" ", b"#", b"-1", b"99999999999", b"1e308", b"1e999", b"nan", b"inf", b"3", b"4 0 1 2 3",
    b"COFF", b"\x00", b"\xff",    b"0x10", b"9" * 400,
)  # fmt: skip


@FUZZ
@given(damaged(OFF, OFF_TOKENS) | st.binary(max_size=60))
def test_off(content: bytes) -> None:
    try:
        surface = read_surface(content, ".off")
    except BrokenMesh:
        return
    assert np.isfinite(surface.triangles).all()
    assert len(surface.triangles)


TETRAHEDRON = trimesh.creation.cone(1, 1, sections=3)
MESHES = {
    ".stl": TETRAHEDRON.export(file_type="stl"),
    ".STL": TETRAHEDRON.export(file_type="stl_ascii").encode(),
    ".ply": TETRAHEDRON.export(file_type="ply", encoding="ascii"),
    ".PLY": TETRAHEDRON.export(file_type="ply"),
    ".obj": TETRAHEDRON.export(file_type="obj").encode(),
    ".glb": TETRAHEDRON.export(file_type="glb"),
}
MESH_TOKENS = (
    b"solid", b"endsolid", b"facet", b"endfacet", b"vertex 1 2", b"element vertex 9\n", b"property list uchar int a\n",
    b"end_header\n", b"f 1 2\n", b"f -1 -2 -3\n", b"v 1\n", b"\\\n", b"-1", b"1e999", b"nan", b"\x00", b"\xff" * 4,
    b"\r", b"9" * 400, b'"sparse":{},', b"-0.5",
)  # fmt: skip


@pytest.mark.parametrize("suffix", MESHES)
def test_other_meshes(suffix: str) -> None:
    @settings(FUZZ, max_examples=max(1, FUZZ.max_examples // len(MESHES)))
    @given(damaged(MESHES[suffix], MESH_TOKENS))
    def check(content: bytes) -> None:
        try:
            surface = read_surface(content, suffix.lower())
        except BrokenMesh:
            return
        assert np.isfinite(surface.triangles).all()
        assert len(surface.triangles)

    check()


PIXELS = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 4), dtype=np.uint8))
IMAGES_OF = {"PNG": PIXELS, "JPEG": PIXELS.convert("RGB"), "GIF": PIXELS.convert("P"), "TIFF": PIXELS, "WEBP": PIXELS,
             "PPM": PIXELS.convert("RGB"), "BMP": PIXELS.convert("RGB"), "JPEG2000": PIXELS}  # fmt: skip
IMAGE_TOKENS = (
    b"\x00" * 4, b"\xff" * 4, b"\xff\xd9", b"\xff\xe1\x00\x08Exif\0\0", b"IEND", b"tRNS", b"II*\0", b"MM\0*", b"65535",
    b"\x7f\xff\xff\xff", b"P6 99999999 99999999 255\n",
)  # fmt: skip


@pytest.mark.parametrize("form", IMAGES_OF)
def test_images(tmp_path: Path, form: str) -> None:
    """No exception, whatever a decoder makes of the bytes: pixels, or one sentence."""
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    IMAGES_OF[form].save(stream, form, exif=exif)
    file = tmp_path / "0.img"

    @settings(FUZZ, max_examples=max(1, FUZZ.max_examples // len(IMAGES_OF)))
    @given(damaged(stream.getvalue(), IMAGE_TOKENS))
    def check(content: bytes) -> None:
        file.write_bytes(content)
        (block,) = decode_blocks([file], 3, 8, BY_DEFAULT._replace(max_pixels=10**6))
        assert "\n" not in block.problems.get(0, "")

    check()


PLY = "ply\nformat {} 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
PLY_FACES = "element face {}\nproperty list {} int vertex_indices\nend_header\n"


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".off", b"OFF\n999999999999 999999999999 0\n0 0 0\n"),
        (".off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n99999999999 0 1 2\n"),
        (".off", b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 99999999999\n"),
        (".ply", (PLY.format("ascii", 4 * 10**9) + PLY_FACES.format(4 * 10**9, "uchar")).encode() + b"0 0 0\n"),
        (".ply", (PLY.format("binary_little_endian", 4 * 10**9) + PLY_FACES.format(1, "uint")).encode() + bytes(64)),
        (
            ".ply",
            (PLY.format("binary_little_endian", 1) + PLY_FACES.format(1, "uint")).encode() + bytes(12) + b"\xff" * 8,
        ),
        (".stl", bytes(80) + b"\xff\xff\xff\xff" + bytes(50)),
        (".glb", b"glTF" + struct.pack("<II", 2, 40) + struct.pack("<I4s", 2**31, b"JSON") + b"{}" + bytes(22)),
        (".obj", b"v 0 0 0\n" * 3 + b"f 1 2 99999999999\n"),
        (".obj", b"mtllib /etc/passwd\nusemtl x\n" + b"f 1 2 3\n"),
    ],
)
def test_a_mesh_that_lies_about_its_size(suffix: str, content: bytes) -> None:
    with bounded(seconds=20, megabytes=500), pytest.raises(BrokenMesh):
        read_surface(content, suffix)
