"""The parts of benchmarks/budgets.py and benchmarks/scale.py."""
