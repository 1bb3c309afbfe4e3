"""Fixtures of the tests named after what a user sees."""

from __future__ import annotations

from sweep_fixtures import put_store, sandbox, started, tracker, undisturbed

__all__ = ["put_store", "sandbox", "started", "tracker", "undisturbed"]
