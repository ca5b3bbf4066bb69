"""Servers that all tests of this folder ask: they only ask, so one of each is enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .backend import Backend


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server with every flag, on SQLite."""
    from .backend import Backend

    started = Backend(tmp_path_factory.mktemp("backend"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def throttled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server that answers each key once, and then not for ten seconds."""
    from .backend import Backend

    started = Backend(tmp_path_factory.mktemp("throttled"), ("yes",), OFREP_RATE="0.1")
    yield started
    started.stop()
