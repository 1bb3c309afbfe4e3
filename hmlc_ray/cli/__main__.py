"""`python -m hmlc_ray.cli`: the same as `hmlc`, where only the package itself is at hand."""

from __future__ import annotations

from hmlc_ray.cli.main import run

run()
