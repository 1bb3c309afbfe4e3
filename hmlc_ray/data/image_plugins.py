"""Formats that Pillow reads with a module of another package, where that is installed."""

from __future__ import annotations

from importlib import import_module

from hmlc_ray.folders.suffixes import IMAGE_SUFFIXES, PLUGINS


def register_plugins() -> None:
    """Make Pillow open what `IMAGE_SUFFIXES` promises; more than once is as good as once."""
    for module in {PLUGINS[suffix] for suffix in PLUGINS.keys() & IMAGE_SUFFIXES}:
        import_module(module).register_heif_opener()
