"""Runs every benchmark and prints what it found."""

from __future__ import annotations

from tests.bench import evaluation, loading
from tests.bench.timing import machine

if __name__ == "__main__":
    print(f"measured on {machine()}\n")
    evaluation.report()
    print()
    loading.report()
