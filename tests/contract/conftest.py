"""One real server for all that must agree on the golden vectors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.answering import AnsweringServer, answering_server
from tests.services.shared import SharedServices


@pytest.fixture(scope="session")
def answering(
    services: SharedServices, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AnsweringServer]:
    """A server on SQLite that answers from any document."""
    folder = tmp_path_factory.mktemp("answering")
    with answering_server(folder / "data", services.sqlite_database(folder)) as running:
        yield running
