"""Benchmarks of the real engine: `make bench`, or `python -m tools.bench memory [--quick]`."""
