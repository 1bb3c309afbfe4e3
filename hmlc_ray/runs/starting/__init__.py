"""A first search space for somebody's own data: what they are, what suits them, how long it takes."""

from __future__ import annotations
