"""Property tests of the core run without a time limit per example: a busy machine is no counter-example."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
