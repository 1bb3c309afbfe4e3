"""The tree of `data.taxonomy`, made or read once before anything trains on it, and written into the configuration."""

from __future__ import annotations

from hmlc_ray.runs.induction.making import made_tree, with_tree

__all__ = ["made_tree", "with_tree"]
