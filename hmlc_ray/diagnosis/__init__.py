"""What a trained encoder has learnt, and where: numbers first, then pictures of them. Start reading at `compute.py`."""

from __future__ import annotations

from hmlc_ray.diagnosis.result import Diagnosis

__all__ = ["Diagnosis"]
