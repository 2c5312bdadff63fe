"""Measurements of speed; run `python -m benchmarks`."""
