"""Images that lie in the rows of a table instead of files of their own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from hmlc_ray.data.intensities import BadImage
from hmlc_ray.files.disk_cache import look_of
from hmlc_ray.files.imposters import NO_FILE, is_regular
from hmlc_ray.folders.hf_dataset import HfSplit, open_split

_SHOWN = 80


class ImageColumn:
    """The column of images of a split; sent to another process, it is opened there again."""

    def __init__(self, split: HfSplit, column: str) -> None:
        self.path = split.root / split.name
        """What its images are called below."""
        looks = [f"{file.name} {look_of(file)}" for file in split.files]
        self.look = hashlib.sha256("\0".join([column, *looks]).encode()).hexdigest()
        """A text that changes with its files, for keys of caches."""
        self._where = (split.root, split.folder, split.name, column)
        self._values: Any = split.column(column)

    def content(self, row: int) -> bytes:
        """The bytes of an image file.

        Raises:
            BadImage: if the row has none.
        """
        if self._values is None:
            root, folder, name, column = self._where
            self._values = open_split(root, folder, name).column(column)
        value = self._values[row].as_py()
        content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
        if content:
            return bytes(content)
        if path:
            raise BadImage(
                f"its bytes are not in the data set, which names a file {str(path)[:_SHOWN]!r} instead; save it again "
                "with a datasets that embeds files"
            )
        raise BadImage("the row has none (null)")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_values": None}


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """An image of a column; its name is that of the split with the row in brackets, `train[12]`."""

    column: ImageColumn
    row: int

    def open(self) -> BytesIO:
        """The bytes of the image file; see `ImageColumn.content`."""
        return BytesIO(self.column.content(self.row))

    def __str__(self) -> str:
        return f"{self.column.path}[{self.row}]"


ImageSource = str | Path | EmbeddedImage
"""Where the bytes of an image are."""


def look_of_source(source: ImageSource) -> str:
    """A text that changes with the image, for keys of caches."""
    return source.column.look if isinstance(source, EmbeddedImage) else look_of(source)


def bytes_of(source: ImageSource) -> BinaryIO:
    """The bytes of an image, to read and to close.

    Raises:
        BadImage: if there is nothing to read, as of a pipe.
        OSError: as `open` does.
    """
    if isinstance(source, EmbeddedImage):
        return source.open()
    if not is_regular(source):
        raise BadImage(NO_FILE)
    return open(source, "rb")
