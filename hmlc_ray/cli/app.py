"""`hmlc` with all its commands, and nothing that is slow to import."""

from __future__ import annotations

from hmlc_ray.cli.commands import make_app

app = make_app()
