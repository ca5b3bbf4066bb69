"""Benchmarks: `make bench` and `make bench-alone`, see docs/benchmarks.md. They print what they measured."""
