"""Arrays from NPY and NPZ files of strangers: nothing is unpickled, and no memory is taken because a header says so."""

from __future__ import annotations

import math
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from hmlc_ray.errors import first_line
from hmlc_ray.files.imposters import NO_FILE, is_regular, what_it_is_instead

Array = npt.NDArray[Any]
_START = 100
_HEADER = 1 << 16


class BadArray(ValueError):
    """A file that holds no array of the kind that is needed; the message follows the file's name."""


class Header(NamedTuple):
    """What an NPY file announces."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset: int
    """Where the numbers begin."""


def read_header(stream: BinaryIO, size: int, *, text: bool = False) -> Header:
    """The header of an NPY file, which the stream is at the beginning of.

    Args:
        size: bytes of the whole file.
        text: accept texts instead of numbers.

    Raises:
        BadArray: if it is not an NPY file, does not hold what it announces, or holds neither real numbers nor texts.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of headers that Python 2 wrote
            version = npy.read_magic(stream)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
            shape, fortran_order, dtype = read(stream)
    except KeyError:
        raise BadArray("it is an NPY file of a version that holds names of fields, and no plain array") from None
    except Exception as error:  # a parser meets arbitrary bytes here, and fails in as many ways
        raise BadArray(f"it is not an NPY file ({first_line(error)[:120]})") from error
    header = Header(shape, fortran_order, dtype, stream.tell())
    _check(header, size, text=text)
    return header


def _check(header: Header, size: int, *, text: bool) -> None:
    dtype = header.dtype
    if dtype.hasobject:
        wanted = "texts, by .astype(str)" if text else "numbers"
        raise BadArray(f"it holds pickled Python objects, which are never loaded: save it as an array of {wanted}")
    plain = dtype.kind in "US" if text else dtype.kind in "fiu" and dtype.itemsize <= 8
    if not plain and not (text and dtype.kind in "iu"):
        raise BadArray(f"it holds values of type {str(dtype)[:60]}, not {'texts' if text else 'real numbers'}")
    if any(length < 0 for length in header.shape):
        raise BadArray("its header announces a negative size")
    announced, there = math.prod(header.shape) * dtype.itemsize, size - header.offset
    if announced > there:
        raise BadArray(f"the file is cut off: its header announces {announced:,} bytes, but it holds {max(0, there):,}")
    if announced < there:
        raise BadArray(f"it holds {there - announced:,} bytes more than the array that its header announces")


def read_npy(stream: BinaryIO, size: int, *, limit: int, text: bool = False) -> Array:
    """The array of an NPY file.

    Args:
        size: bytes of the whole file.
        limit: most bytes of an array.

    Raises:
        BadArray: see `read_header`; if it takes more than the limit; if the stream ends before.
    """
    start = stream.read(_START)
    other = what_it_is_instead(start)
    if other:
        raise BadArray(other)
    stream.seek(0)
    header = read_header(stream, size, text=text)
    count = math.prod(header.shape)
    if count * header.dtype.itemsize > limit:
        raise BadArray(
            f"its array takes {count * header.dtype.itemsize:,} bytes, more than the {limit:,} that are allowed"
        )
    content = stream.read(count * header.dtype.itemsize)
    if len(content) < count * header.dtype.itemsize:
        raise BadArray("the file is cut off")
    flat = np.frombuffer(content, header.dtype, count)
    return flat.reshape(header.shape, order="F" if header.fortran_order else "C")


def map_npy(file: Path) -> Array:
    """The array of an NPY file, mapped into memory: pages are read when they are used. Writing changes no file.

    Raises:
        BadArray: see `read_header`.
        OSError: if it cannot be read.
    """
    if not is_regular(file):
        raise BadArray(NO_FILE)
    with file.open("rb") as stream:
        other = what_it_is_instead(stream.read(_START))
        if other:
            raise BadArray(other)
        stream.seek(0)
        header = read_header(stream, file.stat().st_size)
    if not math.prod(header.shape):
        return np.zeros(header.shape, header.dtype)
    order: Literal["F", "C"] = "F" if header.fortran_order else "C"
    mapped: Array = np.memmap(file, header.dtype, "c", header.offset, header.shape, order)
    return mapped


def npz_names(source: Path | BinaryIO) -> list[str]:
    """The names of the arrays in an NPZ file, by its directory alone.

    Raises:
        BadArray: if it is not an NPZ file.
    """
    with _opened(source) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_npz(source: Path | BinaryIO, name: str, *, limit: int, text: bool = False) -> Array:
    """One array of an NPZ file.

    Raises:
        BadArray: see `read_npy`; if there is no array of that name, or it cannot be unpacked.
    """
    with _opened(source) as archive:
        try:
            entry = archive.getinfo(f"{name}.npy")
            if entry.file_size > limit + _HEADER:
                raise BadArray(f"it unpacks to {entry.file_size:,} bytes, more than the {limit:,} that are allowed")
            with archive.open(entry) as stream:
                return read_npy(stream, entry.file_size, limit=limit, text=text)  # type: ignore[arg-type]
        except BadArray as error:
            raise BadArray(f"the array {name!r}: {error}") from error
        except KeyError:
            raise BadArray(f"it holds no array {name!r}") from None
        except Exception as error:  # of zlib, lzma, bz2, zipfile; a password
            raise BadArray(f"the array {name!r} cannot be unpacked: {first_line(error)[:120]}") from error


def _opened(source: Path | BinaryIO) -> zipfile.ZipFile:
    if isinstance(source, Path) and not is_regular(source):
        raise BadArray(NO_FILE)
    try:
        return zipfile.ZipFile(source)
    except OSError:
        raise
    except Exception as error:
        start = b""
        if isinstance(source, Path):
            with source.open("rb") as stream:
                start = stream.read(_START)
        else:
            source.seek(0)
            start = source.read(_START)
        raise BadArray(what_it_is_instead(start) or f"it is not an NPZ file ({first_line(error)[:120]})") from error
