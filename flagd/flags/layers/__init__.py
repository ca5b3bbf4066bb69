"""Layers: rings that several flags share, so that no unit is in two of their experiments."""
