"""The life of a provider, against a real server: starting, failing to start, events, shutting down, starting again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.provider import ProviderStatus

from flagd_sdk import FlagClient
from flagd_sdk.openfeature import FlagdProvider
from tests.contract.sdk.misbehaving import KEY, MisbehavingServer, serving, status
from tests.contract.sdk.openfeature.backend import WAIT, Backend, Seen
from tests.contract.sdk.openfeature.conftest import MakeProvider
from tests.contract.sdk.waiting import eventually
from tests.unit.sdk.snapshots import snapshot

pytestmark = pytest.mark.services

READY = ProviderEvent.PROVIDER_READY
ERROR = ProviderEvent.PROVIDER_ERROR
STALE = ProviderEvent.PROVIDER_STALE
CHANGED = ProviderEvent.PROVIDER_CONFIGURATION_CHANGED


@pytest.fixture
def frozen(backend: Backend) -> Iterator[Backend]:
    """The server, answering nothing until the test, or its end, thaws it."""
    backend.server.freeze()
    yield backend
    backend.server.thaw()


@pytest.fixture
def seen() -> Seen:
    """Handlers for every event, on the API."""
    watching = Seen()
    watching.watch(api.add_handler)
    return watching


def test_ready_is_said_once(make_provider: MakeProvider, seen: Seen) -> None:
    """A provider that started is READY, for which each handler runs once, and it answers from then on."""
    client = api.get_client()
    api.set_provider_and_wait(make_provider())
    assert client.get_provider_status() is ProviderStatus.READY
    assert client.get_string_value("string-flag", "bye") == "hi"
    details = seen.wait_for(READY)
    assert details.provider_name == "flagd-sdk"
    # A poll later nothing more was said.
    assert eventually(lambda: len(seen.kinds()) > 2, 0.5) is False
    assert [kind for kind in seen.kinds() if kind is READY] == seen.kinds()


def test_handlers_that_come_late_run_at_once(make_provider: MakeProvider) -> None:
    """Whoever asks to be told of READY when it is past is told."""
    api.set_provider_and_wait(make_provider())
    late = Seen()
    late.watch(api.get_client().add_handler)
    late.wait_for(READY)


def test_before_it_is_ready_the_default_holds(make_provider: MakeProvider, frozen: Backend) -> None:
    """Evaluations between registering and the first snapshot answer the default with PROVIDER_NOT_READY."""
    api.set_provider(make_provider(ready_timeout=WAIT))
    client = api.get_client()
    found = client.get_string_details("string-flag", "bye")
    assert (found.value, found.error_code) == ("bye", ErrorCode.PROVIDER_NOT_READY)
    frozen.server.thaw()
    assert eventually(lambda: client.get_provider_status() is ProviderStatus.READY, WAIT)
    assert client.get_string_value("string-flag", "bye") == "hi"


def test_a_change_arrives_with_the_flags_it_touches(
    make_provider: MakeProvider, backend: Backend, seen: Seen
) -> None:
    """A changed flag and those that depend on it are named, no others, and the new value is already in force."""
    api.set_provider_and_wait(make_provider())
    client = api.get_client()
    value = backend.change()
    details = seen.wait_for(CHANGED)
    assert details.flags_changed == ["changing-flag", "depending-flag"]
    assert isinstance(details.metadata["revision"], int)
    assert client.get_string_value("changing-flag", "?") == value
    assert client.get_boolean_value("depending-flag", value == "foo") is (value == "bar")
    assert client.get_provider_status() is ProviderStatus.READY


def test_a_new_flag_is_a_change(make_provider: MakeProvider, backend: Backend, seen: Seen) -> None:
    """A flag that was not there before is named when it comes."""
    api.set_provider_and_wait(make_provider())
    backend.create("new-flag", "boolean", {"on": True, "off": False})
    assert seen.wait_for(CHANGED).flags_changed == ["new-flag"]


def test_an_outage_is_stale_and_then_ready(make_provider: MakeProvider, backend: Backend, seen: Seen) -> None:
    """While the server is away the flags stay and the provider is STALE; when it is back, READY is said again."""
    api.set_provider_and_wait(make_provider())
    seen.wait_for(READY)
    client = api.get_client()
    backend.server.stop()
    try:
        details = seen.wait_for(STALE)
        assert details.message
        assert client.get_provider_status() is ProviderStatus.STALE
        found = client.get_string_details("string-flag", "bye")
        assert (found.value, found.reason, found.error_code) == ("hi", "STATIC", None)
    finally:
        backend.server.start()
    seen.wait_for(READY, 2)
    assert eventually(lambda: client.get_provider_status() is ProviderStatus.READY)
    assert seen.kinds() == [READY, STALE, READY]


def test_what_changed_during_an_outage_is_told_after_it(
    make_provider: MakeProvider, backend: Backend, seen: Seen
) -> None:
    """A change that the provider could not see is told once it is READY again."""
    api.set_provider_and_wait(make_provider(timeout=0.5))
    backend.server.freeze()
    try:
        seen.wait_for(STALE)
    finally:
        backend.server.thaw()
    value = backend.change()
    assert "changing-flag" in (seen.wait_for(CHANGED).flags_changed or [])
    assert eventually(lambda: api.get_client().get_provider_status() is ProviderStatus.READY)
    assert api.get_client().get_string_value("changing-flag", "?") == value


def test_a_server_that_is_away_at_the_start_is_waited_for(
    make_provider: MakeProvider, frozen: Backend, seen: Seen
) -> None:
    """Starting without the server fails in bounded time with ERROR; as soon as it is there, the provider is READY."""
    client = api.get_client()
    with pytest.raises(ProviderNotReadyError, match=r"no flags after 0\.3 s"):
        api.set_provider_and_wait(make_provider(ready_timeout=0.3, timeout=0.2))
    assert client.get_provider_status() is ProviderStatus.ERROR
    seen.wait_for(ERROR)
    found = client.get_string_details("string-flag", "bye")
    assert (found.value, found.error_code) == ("bye", ErrorCode.PROVIDER_NOT_READY)
    frozen.server.thaw()
    seen.wait_for(READY)
    assert client.get_provider_status() is ProviderStatus.READY
    assert client.get_string_value("string-flag", "bye") == "hi"
    # The first flags are no change of flags.
    assert seen.of(CHANGED) == []


def test_a_refused_key_is_fatal(make_provider: MakeProvider, backend: Backend, seen: Seen) -> None:
    """A key that may not read snapshots ends the start at once and for good, and no evaluation is tried."""
    with pytest.raises(ProviderFatalError):
        api.set_provider_and_wait(make_provider(key=backend.client_key, ready_timeout=WAIT))
    client = api.get_client()
    assert client.get_provider_status() is ProviderStatus.FATAL
    assert seen.wait_for(ERROR).error_code is ErrorCode.PROVIDER_FATAL
    found = client.get_string_details("string-flag", "bye")
    assert (found.value, found.error_code) == ("bye", ErrorCode.PROVIDER_FATAL)


def test_a_refused_key_is_fatal_in_the_background_too(make_provider: MakeProvider, backend: Backend) -> None:
    """Registering without waiting never raises; the status says what came of it."""
    api.set_provider(make_provider(key="flagd_server_unknown"))
    client = api.get_client()
    assert eventually(lambda: client.get_provider_status() is ProviderStatus.FATAL, WAIT)


def test_a_key_put_right_makes_it_ready(server: MisbehavingServer, seen: Seen) -> None:
    """A client whose key is accepted after all, and that is told to look again, brings its provider back."""
    server.behaviour = status(401)
    provider = FlagdProvider(server.url, KEY, poll_interval=0.1)
    try:
        with pytest.raises(ProviderFatalError, match="401"):
            api.set_provider_and_wait(provider)
        server.behaviour = serving(snapshot())
        assert provider.client.refresh()
        seen.wait_for(READY)
        assert api.get_client().get_boolean_value("flag", False) is True
        assert seen.kinds() == [ERROR, READY]
    finally:
        api.shutdown()


def test_a_key_refused_after_the_start_failed_is_fatal(server: MisbehavingServer, seen: Seen) -> None:
    """A provider that could not start and then learns that its key is no good becomes FATAL."""
    server.behaviour = status(503)
    try:
        with pytest.raises(ProviderNotReadyError, match="503"):
            api.set_provider_and_wait(FlagdProvider(server.url, KEY, poll_interval=0.1, ready_timeout=0.5))
        server.behaviour = status(401)
        assert seen.wait_for(ERROR, 2).error_code is ErrorCode.PROVIDER_FATAL
        assert api.get_client().get_provider_status() is ProviderStatus.FATAL
    finally:
        api.shutdown()


def test_a_bootstrap_makes_it_ready_and_soon_stale(server: MisbehavingServer, seen: Seen) -> None:
    """With flags to start from a provider is READY without the server, and STALE once it knows that it is away."""
    server.behaviour = status(503)
    try:
        api.set_provider_and_wait(FlagdProvider(server.url, KEY, poll_interval=0.1, bootstrap=snapshot()))
        seen.wait_for(STALE)
        assert seen.kinds() == [READY, STALE]
        server.behaviour = serving(snapshot({"flag": False}, revision=2))
        assert seen.wait_for(CHANGED).flags_changed == ["flag"]
        assert seen.kinds() == [READY, STALE, READY, CHANGED]
    finally:
        api.shutdown()


def test_shutting_down_twice_and_starting_again(make_provider: MakeProvider) -> None:
    """A provider that was shut down is as new: it answers PROVIDER_NOT_READY, and can be initialized again."""
    provider = make_provider()
    for _ in range(2):
        provider.initialize(EvaluationContext())
        assert provider.resolve_string_details("string-flag", "bye").value == "hi"
        provider.shutdown()
        provider.shutdown()
        found = provider.resolve_string_details("string-flag", "bye")
        assert (found.value, found.error_code) == ("bye", ErrorCode.PROVIDER_NOT_READY)
    assert eventually(lambda: "flagd-poller" not in [thread.name for thread in threading.enumerate()])


def test_a_provider_that_was_replaced_can_come_back(make_provider: MakeProvider, backend: Backend) -> None:
    """Registering another provider shuts this one down; registered again it starts anew, events included."""
    first, second = make_provider(), make_provider()
    api.set_provider_and_wait(first)
    api.set_provider_and_wait(second)
    assert eventually(lambda: isinstance(first.client, FlagClient) and first.client.status.state == "CLOSED")
    assert eventually(lambda: not hasattr(first, "_on_emit"))
    api.set_provider_and_wait(first)
    client = api.get_client()
    assert client.get_string_value("string-flag", "bye") == "hi"
    again = Seen()
    again.watch(client.add_handler)
    backend.change()
    again.wait_for(CHANGED)


def test_after_shut_down_nothing_is_told(make_provider: MakeProvider, backend: Backend) -> None:
    """Events end with the provider."""
    provider = make_provider()
    told: list[ProviderEvent] = []
    provider.attach(lambda source, event, details: told.append(event))
    provider.initialize(EvaluationContext())
    provider.shutdown()
    backend.change()
    with FlagClient(backend.url, backend.key) as other:
        assert other.ready(WAIT)
    assert told == []


def test_one_provider_serves_two_domains(make_provider: MakeProvider, backend: Backend) -> None:
    """Bound to two domains it starts once, answers both, tells the clients of both, and ends with the last of them."""
    provider = make_provider()
    api.set_provider_and_wait(provider, "shop")
    api.set_provider_and_wait(provider, "office")
    shop, office = api.get_client("shop"), api.get_client("office")
    watching = {client: Seen() for client in (shop, office)}
    for client, seen in watching.items():
        seen.watch(client.add_handler)
        assert client.get_string_value("string-flag", "bye") == "hi"
    assert api.get_client().get_string_value("string-flag", "bye") == "bye"
    backend.change()
    for seen in watching.values():
        seen.wait_for(CHANGED)
    api.set_provider_and_wait(make_provider(), "shop")
    assert office.get_string_value("string-flag", "bye") == "hi"
    assert office.get_provider_status() is ProviderStatus.READY


def test_domains_may_have_environments_of_their_own(make_provider: MakeProvider, backend: Backend) -> None:
    """Two providers with different keys answer for different environments, side by side."""
    development = backend.server.credentials()["server_keys"]["development"]
    api.set_provider_and_wait(make_provider(), "production")
    api.set_provider_and_wait(make_provider(key=development), "development")
    found = api.get_client("development").get_string_details("string-flag", "bye")
    assert (found.reason, found.flag_metadata["flagSetId"]) == ("STATIC", "demo/development")
    assert api.get_client("production").get_string_value("string-flag", "bye") == "hi"


def test_a_client_that_the_application_closed_is_stale(server: MisbehavingServer, seen: Seen) -> None:
    """A provider whose client polls no more is not READY; the flags held go on answering."""
    client = FlagClient(server.url, KEY, poll_interval=3600)
    try:
        api.set_provider_and_wait(FlagdProvider(client))
        seen.wait_for(READY)
        client.close()
        assert seen.wait_for(STALE).message == "the client was closed"
        reader = api.get_client()
        assert eventually(lambda: reader.get_provider_status() is ProviderStatus.STALE)
        assert reader.get_boolean_value("flag", False) is True
        assert seen.kinds() == [READY, STALE]
    finally:
        api.shutdown()


def test_a_client_that_was_closed_without_flags_is_fatal(server: MisbehavingServer, seen: Seen) -> None:
    """A provider whose client will never have flags any more says so."""
    server.behaviour = status(503)
    client = FlagClient(server.url, KEY, poll_interval=3600)
    try:
        with pytest.raises(ProviderNotReadyError):
            api.set_provider_and_wait(FlagdProvider(client, ready_timeout=0.3))
        client.close()
        assert seen.wait_for(ERROR, 2).error_code is ErrorCode.PROVIDER_FATAL
        assert eventually(lambda: api.get_client().get_provider_status() is ProviderStatus.FATAL)
    finally:
        api.shutdown()


def test_a_client_of_the_application_stays_open(backend: Backend, make_provider: MakeProvider) -> None:
    """A provider over a client that the application made reads from it and never closes it."""
    with FlagClient(backend.url, backend.key, poll_interval=0.1) as client:
        provider = FlagdProvider(client)
        api.set_provider_and_wait(provider)
        assert api.get_client().get_string_value("string-flag", "bye") == "hi"
        assert provider.client is client
        api.shutdown()
        assert client.status.state == "READY"
        assert client.get_string("string-flag", default="bye") == "hi"
