"""Meshes to point clouds: reading, repairing, sampling, and keeping what was sampled. Knows no torch, so that the
processes which sample start fast."""
