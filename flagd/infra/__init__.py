"""Plumbing without opinions: database, change log, cache, clock, ids, HTTP conventions."""
