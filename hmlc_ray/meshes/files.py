"""Files of meshes or points to point clouds, in parallel and once per machine."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.imposters import NO_FILE, is_regular
from hmlc_ray.folders.notes import SKIPPING
from hmlc_ray.home import cache_folder
from hmlc_ray.meshes.cloud_cache import VERSION, Block, Shape, Stored, open_stored
from hmlc_ray.meshes.formats import VERSION as READERS_VERSION
from hmlc_ray.meshes.keys import content_key, file_digests, listing_key, remember, remembered
from hmlc_ray.meshes.parallel import in_blocks
from hmlc_ray.meshes.read import BrokenMesh, read_surface
from hmlc_ray.meshes.sample import Cloud, sample_surface

_LOG = logging.getLogger(__name__)


class Maker(Protocol):
    """How the content of a file becomes a cloud."""

    @property
    def num_points(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def seed(self) -> int: ...

    @property
    def noun(self) -> str:
        """What a file holds, in sentences."""

    @property
    def settings(self) -> list[int | bool | str]:
        """Part of the key of what comes out."""

    def cloud(self, content: bytes, suffix: str, random: np.random.Generator) -> tuple[Cloud, str | None]:
        """The cloud, float32 [num_points, channels], and what had to be left out or was odd.

        Raises:
            BrokenMesh: if there is none.
        """


class Sampling(NamedTuple):
    """How a surface becomes a cloud."""

    num_points: int
    normals: bool
    seed: int

    @property
    def noun(self) -> str:
        return "mesh"

    @property
    def channels(self) -> int:
        return 6 if self.normals else 3

    @property
    def settings(self) -> list[int | bool | str]:
        return [*self]

    def cloud(self, content: bytes, suffix: str, random: np.random.Generator) -> tuple[Cloud, str | None]:
        surface = read_surface(content, suffix)
        return sample_surface(surface.triangles, self.num_points, random, normals=self.normals), surface.repair


class Sampled(NamedTuple):
    """What came of one file."""

    cloud: Cloud | None
    digest: bytes
    """SHA-256 of the content; empty where the file could not be read."""
    problem: str | None = None
    repair: str | None = None


def open_clouds(files: Sequence[Path], root: Path, sampling: Maker, *, strict: bool) -> tuple[str, Stored]:
    """A key of the files' content, and their clouds, float32 [files, points, channels].

    The key is remembered for the names, sizes and times of change of the files, so that as long as these stay the
    same no file is opened.

    Args:
        root: names are taken relative to it.
        strict: refuse files that are not sound.

    Raises:
        DataError: naming such a file; if a file changes meanwhile; if the cache cannot be written.
    """
    settings = [VERSION, *sampling.settings]
    note = cache_folder() / f"points-of-{listing_key(files, root, settings)}.json"
    key, digests = remembered(note), None
    if key is None:
        digests = file_digests(files)
        key = content_key(files, digests, settings)
    shape: Shape = (len(files), sampling.num_points, sampling.channels)
    make = partial(_blocks, files, digests, sampling, strict=strict)
    stored = open_stored(key, shape, make, READERS_VERSION)
    if strict:
        _refuse(files, stored.problems, sampling.noun)
    if digests is not None:
        remember(note, key)
    return key, stored


def sampled(file: Path, sampling: Maker) -> Sampled:
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
    random = np.random.default_rng([sampling.seed, *np.frombuffer(digest, "<u4").tolist()])
    try:
        cloud, repair = sampling.cloud(content, os.path.splitext(file)[1].lower(), random)
    except BrokenMesh as error:
        return Sampled(None, digest, str(error))
    return Sampled(cloud, digest, repair=repair)


def _blocks(
    files: Sequence[Path], digests: Sequence[bytes] | None, sampling: Maker, *, strict: bool
) -> Iterator[Block]:
    digests = digests or file_digests(files)
    _LOG.info("sampling %d files", len(files))
    repairs: dict[int, str] = {}
    for rows, results in in_blocks(partial(sampled, sampling=sampling), files):
        problems: dict[int, str] = {}
        clouds = np.zeros((len(rows), sampling.num_points, sampling.channels), dtype=np.float32)
        for row, target, result in zip(rows, clouds, results, strict=True):
            if result.digest != digests[row]:
                raise DataError(f"the {sampling.noun} {str(files[row])!r} changed while the set was sampled; try again")
            if result.cloud is not None:
                target[:] = result.cloud
            problems |= {row: result.problem} if result.problem else {}
            repairs |= {row: result.repair} if result.repair else {}
        if strict:
            _refuse(files, problems, sampling.noun)
        yield Block(clouds, problems)
    if repairs:
        first = min(repairs)
        text = "%d of %d %s were repaired; the first: in %r %s"
        _LOG.warning(text, len(repairs), len(files), plural(sampling.noun), str(files[first]), repairs[first])


def plural(noun: str) -> str:
    """`meshes`, `point clouds`."""
    return f"{noun}es" if noun.endswith("sh") else f"{noun}s"


def _refuse(files: Sequence[Path], problems: dict[int, str], noun: str) -> None:
    if problems:
        first = min(problems)
        raise DataError(f"cannot use the {noun} {str(files[first])!r}: {problems[first]}{SKIPPING}")
