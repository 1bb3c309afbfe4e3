"""Hierarchical contrastive encoders, searched for on Ray."""

__version__ = "0.1.0"
