"""Sweeps as jobs of a cluster: submitted, followed, stopped."""
