"""Real data, where they are at hand: HMLC_DATA_DIR holds `MNIST/raw`, `cifar100-partial`, ..."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def root_of(needed: str) -> Path:
    """The folder that HMLC_DATA_DIR names; the test is skipped, with the reason, where it does not hold `needed`."""
    root = os.environ.get("HMLC_DATA_DIR")
    if not root:
        pytest.skip("HMLC_DATA_DIR is not set")
    if not (Path(root) / needed).exists():
        pytest.skip(f"HMLC_DATA_DIR holds no {needed}")
    return Path(root)


def file_of(name: str) -> Path:
    """A file or folder in it; skipped as by `root_of`."""
    return root_of(name) / name
