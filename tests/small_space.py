"""A search space of seconds, for tests in which what is learned does not matter."""

from __future__ import annotations

_SPACE = """
study: {name: NAME, num_trials: 2, sampler: {kind: random}}
base:
  encoder: {kind: mlp, hidden_dim: 16, feature_dim: 8}
  head: {hidden_dim: 8, embedding_dim: 4}
  objective: {kind: sum-supcon}
  training: {epochs: 1}
  evaluation: {every: 1, probe_regularisation: [0.1]}
space:
  objective.temperature: {float: [0.05, 0.5]}
"""


def small_space(name: str) -> str:
    """The YAML of a study of two trials of one epoch on the digits."""
    return _SPACE.replace("NAME", name)
