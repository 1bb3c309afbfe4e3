"""Text files of other people's: their encoding, and what is said of one that is not text."""

from __future__ import annotations

import codecs

_BOMS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = {
    b"PK\x03\x04": "a workbook or an archive",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}


class NotText(ValueError):
    """Content that is not text; the message follows `cannot read ...: `."""


def encoding_of(head: bytes) -> str:
    """The encoding of a text by its first bytes: UTF-8, or what a byte order mark or the zeros of UTF-16 say.

    Raises:
        NotText: if they are those of a workbook, an archive, a document or an image.
    """
    for start, what in _NO_TEXT.items():
        if head.startswith(start):
            raise NotText(f"it is {what} and no text")
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head[:4] and any(head[:4]):
        return "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    return "utf-8"


def decode(content: bytes) -> str:
    """The text of a whole file, without a byte order mark.

    Raises:
        NotText: with the line, if it is not UTF-8 text, or UTF-16 where it begins as that.
    """
    encoding = encoding_of(content)
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        # The error counts from behind UTF-8's byte order mark, in what was decoded.
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise NotText(f"line {line} is not {encoding.upper().removesuffix('-SIG')} text (byte 0x{byte:02x})") from None
