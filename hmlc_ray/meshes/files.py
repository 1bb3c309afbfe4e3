"""Mesh files to point clouds, in parallel and once per machine."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.imposters import NO_FILE, is_regular
from hmlc_ray.home import cache_folder
from hmlc_ray.meshes.cloud_cache import VERSION, Block, Shape, Stored, open_stored
from hmlc_ray.meshes.formats import VERSION as READERS_VERSION
from hmlc_ray.meshes.keys import content_key, file_digests, listing_key, remember, remembered
from hmlc_ray.meshes.parallel import in_blocks
from hmlc_ray.meshes.read import BrokenMesh, read_surface
from hmlc_ray.meshes.sample import Cloud, sample_surface

_LOG = logging.getLogger(__name__)


class Sampling(NamedTuple):
    """How a surface becomes a cloud."""

    num_points: int
    normals: bool
    seed: int

    @property
    def channels(self) -> int:
        return 6 if self.normals else 3


class Sampled(NamedTuple):
    """What came of one file."""

    cloud: Cloud | None
    digest: bytes
    """SHA-256 of the content; empty where the file could not be read."""
    problem: str | None = None
    repair: str | None = None


def open_clouds(files: Sequence[Path], root: Path, sampling: Sampling, *, strict: bool) -> tuple[str, Stored]:
    """A key that stands for the files' content, and their clouds, float32 [files, points, channels].

    The key is remembered for the names, sizes and times of change of the files, so that as long as these stay the
    same no file is opened.

    Args:
        root: names are taken relative to it.
        strict: refuse files that are no sound meshes.

    Raises:
        DataError: naming such a file; if a file changes meanwhile; if the cache cannot be written.
    """
    settings = [VERSION, *sampling]
    note = cache_folder() / f"points-of-{listing_key(files, root, settings)}.json"
    key, digests = remembered(note), None
    if key is None:
        digests = file_digests(files)
        key = content_key(files, digests, settings)
    shape: Shape = (len(files), sampling.num_points, sampling.channels)
    make = partial(_blocks, files, digests, sampling, strict=strict)
    stored = open_stored(key, shape, make, READERS_VERSION)
    if strict:
        _refuse(files, stored.problems)
    if digests is not None:
        remember(note, key)
    return key, stored


def sampled(file: Path, sampling: Sampling) -> Sampled:
    """Read, repair and sample one file; the same content and seed give the same cloud, wherever and in whatever order.

    What is wrong with a file is a result and no exception.
    """
    try:
        if not is_regular(file):
            return Sampled(None, b"", NO_FILE)
        content = file.read_bytes()
    except OSError as error:
        return Sampled(None, b"", system_reason(error))
    digest = hashlib.sha256(content).digest()
    try:
        surface = read_surface(content, os.path.splitext(file)[1].lower())
    except BrokenMesh as error:
        return Sampled(None, digest, str(error))
    random = np.random.default_rng([sampling.seed, *np.frombuffer(digest, "<u4").tolist()])
    cloud = sample_surface(surface.triangles, sampling.num_points, random, normals=sampling.normals)
    return Sampled(cloud, digest, repair=surface.repair)


def _blocks(
    files: Sequence[Path], digests: Sequence[bytes] | None, sampling: Sampling, *, strict: bool
) -> Iterator[Block]:
    digests = digests or file_digests(files)
    _LOG.info("sampling %d meshes", len(files))
    repairs: dict[int, str] = {}
    for rows, results in in_blocks(partial(sampled, sampling=sampling), files):
        problems: dict[int, str] = {}
        clouds = np.zeros((len(rows), sampling.num_points, sampling.channels), dtype=np.float32)
        for row, target, result in zip(rows, clouds, results, strict=True):
            if result.digest != digests[row]:
                raise DataError(f"the mesh {str(files[row])!r} changed while the set was sampled; try again")
            if result.cloud is not None:
                target[:] = result.cloud
            problems |= {row: result.problem} if result.problem else {}
            repairs |= {row: result.repair} if result.repair else {}
        if strict:
            _refuse(files, problems)
        yield Block(clouds, problems)
    if repairs:
        first = min(repairs)
        text = "%d of %d meshes were repaired; the first: in %r %s"
        _LOG.warning(text, len(repairs), len(files), str(files[first]), repairs[first])


def _refuse(files: Sequence[Path], problems: dict[int, str]) -> None:
    if problems:
        first = min(problems)
        raise DataError(
            f"cannot use the mesh {str(files[first])!r}: {problems[first]}; "
            "repair it, remove it, or set data.on_bad_file: skip"
        )
