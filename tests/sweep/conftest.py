"""Fixtures of the sweep's tests."""

from __future__ import annotations

from sweep_fixtures import put_store, sandbox, started, tracker, undisturbed

__all__ = ["put_store", "sandbox", "started", "tracker", "undisturbed"]
