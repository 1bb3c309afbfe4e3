"""How good a trained encoder is: every objective is judged on the same frozen features f.

Heads and masks are discarded. The probes' regularisation is chosen on validation; the test split is only ever read
with a choice already made.
"""

from __future__ import annotations

from hmlc_ray.evaluation.embed import embed
from hmlc_ray.evaluation.judge import Evaluation, evaluate

__all__ = ["Evaluation", "embed", "evaluate"]
