"""Benchmarks: `make bench`. They print what they measured and decide nothing."""
