"""Flags, how each answers in each environment, and segments: stored, validated, changed by patches."""
