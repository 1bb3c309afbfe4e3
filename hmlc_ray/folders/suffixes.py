"""Which files are samples, by their suffixes, and the notes on the others."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

_PILLOW = (
    "apng avif avifs bmp bw dds dib gif icns ico j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx mpo pbm pcx pfm pgm png pnm "
    "ppm psd qoi ras rgb rgba sgi tga tif tiff vda vst webp xbm xpm"
)
_TEXT = (
    "cfg conf csv doc docx htm html ini ipynb json jsonl lock log lst m md mtl names odt pdf py rst rtf sh toml tsv "
    "txt url xls xlsx xml yaml yml"
)
PLUGINS: Mapping[str, str] = {".heic": "pillow_heif", ".heif": "pillow_heif", ".hif": "pillow_heif"}
"""Suffixes of images that Pillow reads once a module is installed."""
IMAGE_SUFFIXES = frozenset(f".{suffix}" for suffix in _PILLOW.split()) | {
    suffix for suffix, module in PLUGINS.items() if find_spec(module)
}
"""Raster images that Pillow reads; not what only looks like one to it: scientific containers, video, PostScript."""
MESH_SUFFIXES = frozenset({".glb", ".obj", ".off", ".ply", ".stl"})
POINT_SUFFIXES = frozenset({".npy", ".npz", ".ply", ".pts", ".txt", ".xyz"})

_DOCUMENTS = frozenset(_TEXT.split())
_SHOWN = 8
_USUAL = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")


def is_document(suffix: str) -> bool:
    """Whether files of this suffix describe samples and are none: a folder with only such files is not a class."""
    return suffix.lower().lstrip(".") in _DOCUMENTS or not suffix


def count_suffixes(counts: Mapping[str, int]) -> str:
    """`12 .heic, 3 .txt and 1 without a suffix`, the most frequent first; what would make files readable is said."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} {suffix or 'without a suffix'}{_needs(suffix)}" for suffix, count in ranked[:_SHOWN]]
    rest = sum(count for _, count in ranked[_SHOWN:])
    return ", ".join([*parts, f"{rest} of other types"] if rest else parts)


def list_suffixes(suffixes: frozenset[str]) -> str:
    """The suffixes that are read, for an error: the usual ones and the number of others."""
    usual = [suffix for suffix in _USUAL if suffix in suffixes]
    if len(suffixes) <= _SHOWN or not usual:
        return ", ".join(sorted(suffixes))
    return f"{', '.join(usual)} and {len(suffixes) - len(usual)} more"


def _needs(suffix: str) -> str:
    module = PLUGINS.get(suffix)
    return f" (read where the package {module.replace('_', '-')} is installed)" if module else ""
