"""Snapshots: what an environment answers with, numbered and immutable, made from the change log."""
