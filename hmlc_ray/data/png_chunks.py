"""PNG files without what they say beside their pixels: no damage there, and no size of it, costs the image.

Pillow refuses a whole file for a text or a colour profile of more than a mebibyte, as editors and generators write
them, or for a damaged one. What is never asked for is cut out before Pillow sees it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from hmlc_ray.data.intensities import BadImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT")
_ANCILLARY = 0x20
"""The bit of a name's first letter that says that an image can do without the chunk. Others are Pillow's to judge."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_TURNS = (b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Keywords of texts that say which way up an image is."""
_MOST_BYTES = 2**20
"""Bytes of an EXIF block or of a text that is kept, and of what it expands to: Pillow's own bound."""
_PIECE = 2**20


def without_metadata(stream: BinaryIO, *, pixels: bool = True) -> BinaryIO:
    """A PNG's chunks that its pixels, and which way up they are, follow from; any other stream as it is, at its start.

    Args:
        pixels: False: no more than says its size and mode.

    Raises:
        BadImage: if pixels do not match their checksum, which the decoder ignores.
    """
    start = stream.tell()
    if stream.read(len(SIGNATURE)) != SIGNATURE:
        stream.seek(start)
        return stream
    kept = BytesIO()
    kept.write(SIGNATURE)
    for chunk in _chunks(stream, pixels=pixels):
        kept.write(chunk)
    kept.seek(0)
    return kept


def _chunks(stream: BinaryIO, *, pixels: bool) -> Iterator[bytes]:
    while len(head := stream.read(8)) == 8:
        length, name = int.from_bytes(head[:4]), head[4:]
        if name == b"IDAT" and not pixels:
            break
        needed = name in _PIXELS or not name[0] & _ANCILLARY
        if not (needed or (length <= _MOST_BYTES and name in (*_TEXTS, b"eXIf"))):
            _skip(stream, length + 4)
            continue
        body, stored = stream.read(length), stream.read(4)
        intact = len(stored) < 4 or zlib.crc32(body, zlib.crc32(name)) == int.from_bytes(stored)
        if name == b"IDAT" and not intact:
            raise BadImage("its pixels do not match their checksum, so it is damaged")
        if needed or (intact and (name == b"eXIf" or _turns(name, body))):
            yield head + body + stored
        if name == b"IEND":
            return
    yield head


def _skip(stream: BinaryIO, length: int) -> None:
    """Read over so many bytes: unlike a seek it stops at the end of the file."""
    while length > 0 and (piece := stream.read(min(length, _PIECE))):
        length -= len(piece)


def _turns(name: bytes, body: bytes) -> bool:
    """Whether a text may say which way up the image is, and Pillow reads it."""
    keyword, _, rest = body.partition(b"\0")
    if keyword not in _TURNS:
        return False
    if name == b"zTXt":
        return _expands_little(rest[1:])
    compressed = name == b"iTXt" and rest[:1] == b"\1"
    return not compressed or _expands_little(rest[2:].split(b"\0", 2)[-1])


def _expands_little(packed: bytes) -> bool:
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, _MOST_BYTES)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail
