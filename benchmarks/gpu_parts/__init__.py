"""The parts of `benchmarks/gpu.py`: each gives its rows, the most valuable first."""
