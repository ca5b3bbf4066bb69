"""One server with the scenarios' flags for all tests, and OpenFeature's global API put back after each test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient

from flagd_sdk.openfeature import FlagdProvider
from tests.contract.sdk.openfeature.backend import Backend
from tests.services.processes import FlagdServer

MakeProvider = Callable[..., FlagdProvider]


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server on SQLite, with flags. A test that stops or freezes it puts that right."""
    server = FlagdServer(tmp_path_factory.mktemp("backend"), {}, ("--migrate", "--demo"))
    server.start()
    try:
        with contextlib.closing(Backend(server)) as made:
            made.seed()
            yield made
    finally:
        server.stop_if_started()


@pytest.fixture
def make_provider(backend: Backend) -> Iterator[MakeProvider]:
    """Providers of that server that poll ten times a second; shut down at the end, as is all of OpenFeature."""
    made: list[FlagdProvider] = []

    def make(**options: Any) -> FlagdProvider:
        options = {"poll_interval": 0.1, "timeout": 2.0, "key": backend.key, **options}
        provider = FlagdProvider(backend.url, **options)
        made.append(provider)
        return provider

    yield make
    api.shutdown()
    for provider in made:
        provider.shutdown()


@pytest.fixture
def client(make_provider: MakeProvider) -> OpenFeatureClient:
    """An OpenFeature client whose provider is ready."""
    api.set_provider_and_wait(make_provider())
    return api.get_client()
