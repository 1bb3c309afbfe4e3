"""Fixtures of the tests of what reads studies."""

from __future__ import annotations

from sweep_fixtures import put_store, tracker

__all__ = ["put_store", "tracker"]
