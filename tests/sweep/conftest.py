"""Fixtures of the sweep's tests."""

from __future__ import annotations

from sweep_fixtures import sandbox, started, tracker, undisturbed

__all__ = ["sandbox", "started", "tracker", "undisturbed"]
