"""The thread that polls: when it starts, how it goes on through trouble, and how it ends."""

from __future__ import annotations

import gc
import logging
import random
import threading
import time
from collections.abc import Iterator

import pytest

import flagd_sdk
from flagd_sdk import ErrorCode, FlagClient
from tests.contract.sdk.conftest import MakeClient
from tests.contract.sdk.misbehaving import KEY, MisbehavingServer, serving, silent, status
from tests.contract.sdk.waiting import eventually
from tests.unit.sdk.snapshots import OTHER_LINEAGE, snapshot


def pollers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "flagd-poller"]


@pytest.fixture(autouse=True)
def _no_thread_stays_behind() -> Iterator[None]:
    yield
    gc.collect()
    assert eventually(lambda: not pollers())


def test_first_use_starts_the_polling(server: MisbehavingServer, make_client: MakeClient) -> None:
    """A client is silent until it is used; then flags arrive without anybody waiting for them."""
    client = make_client()
    assert pollers() == []
    assert client.is_enabled("flag") is False
    assert eventually(lambda: client.is_enabled("flag"))
    assert len(pollers()) == 1


@pytest.mark.parametrize("read", ["get_string", "evaluate", "ready"])
def test_any_use_starts_the_polling(make_client: MakeClient, read: str) -> None:
    """Not only is_enabled wakes a client."""
    client = make_client()
    if read == "get_string":
        client.get_string("flag", default="")
    elif read == "evaluate":
        client.evaluate("flag")
    else:
        client.ready(0.0)
    assert eventually(lambda: client.revision == 5)


def test_ready_waits_for_the_first_snapshot(make_client: MakeClient) -> None:
    """After ready() answered True the first evaluation has data."""
    client = make_client()
    assert client.ready(5.0) is True
    assert client.is_enabled("flag") is True
    assert client.status.state == "READY"
    assert client.status.age is not None


def test_ready_gives_up_after_its_time(server: MisbehavingServer, make_client: MakeClient) -> None:
    """ready() waits as long as it was told and no longer, and the polling goes on behind it."""
    server.behaviour = status(503)
    client = make_client()
    start = time.monotonic()
    assert client.ready(0.3) is False
    assert time.monotonic() - start < 1.5
    server.behaviour = serving(snapshot(revision=5))
    assert eventually(lambda: client.is_enabled("flag"))


def test_evaluation_never_waits_for_the_server(server: MisbehavingServer, make_client: MakeClient) -> None:
    """While the first poll hangs, evaluations answer their defaults at once."""
    server.behaviour = silent(1.0)
    client = make_client(timeout=0.5)
    client.is_enabled("flag")
    assert eventually(lambda: len(server.seen) == 1)
    start = time.monotonic()
    for _ in range(1000):
        assert client.is_enabled("flag", "user", True) is True
    assert time.monotonic() - start < 0.4


def test_changes_arrive_on_their_own(server: MisbehavingServer, make_client: MakeClient) -> None:
    """A new revision, and a new lineage, are in force a poll later."""
    client = make_client()
    assert client.ready()
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert eventually(lambda: not client.is_enabled("flag", default=True))
    server.behaviour = serving(snapshot({"flag": True}, revision=1, lineage=OTHER_LINEAGE))
    assert eventually(lambda: client.is_enabled("flag"))


def test_polls_come_at_the_interval(server: MisbehavingServer, make_client: MakeClient) -> None:
    """Polls follow one another at the interval, or up to a tenth sooner."""
    client = make_client(poll_interval=0.3)
    assert client.ready()
    assert eventually(lambda: len(server.seen) >= 5)
    gaps = [later.at - sooner.at for sooner, later in zip(server.seen, server.seen[1:], strict=False)]
    assert all(0.25 <= gap < 0.6 for gap in gaps[:4]), gaps


def test_refresh_postpones_the_next_poll(server: MisbehavingServer, make_client: MakeClient) -> None:
    """A script that refreshed does not have its first evaluation poll again at once."""
    client = make_client(poll_interval=3600.0)
    assert client.refresh()
    assert client.is_enabled("flag") is True
    time.sleep(0.2)
    assert len(server.seen) == 1


@pytest.mark.parametrize("code", [401, 403])
def test_refused_key_at_the_start_ends_the_polling(
    server: MisbehavingServer, make_client: MakeClient, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """A key that was never good is reported once, hurries ready() and is not tried again."""
    server.behaviour = status(code)
    client = make_client()
    start = time.monotonic()
    assert client.ready(10.0) is False
    assert time.monotonic() - start < 5.0
    assert client.status.state == "FATAL"
    assert eventually(lambda: not pollers())
    assert client.is_enabled("flag", "user", True) is True
    detail = client.evaluate("other", "user", default="mine")
    assert (detail.value, detail.error_code) == ("mine", ErrorCode.PROVIDER_FATAL)
    assert str(code) in str(detail.error_message)
    time.sleep(0.3)
    assert len(server.seen) == 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert str(code) in errors[0].getMessage()
    assert KEY not in caplog.text


def test_refused_key_can_be_tried_again_by_hand(server: MisbehavingServer, make_client: MakeClient) -> None:
    """refresh() after the key was put right brings the flags and the polling back."""
    server.behaviour = status(401)
    client = make_client()
    client.ready(5.0)
    server.behaviour = serving(snapshot(revision=5))
    assert client.refresh() is True
    assert client.is_enabled("flag") is True
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert eventually(lambda: not client.is_enabled("flag", default=True))


def test_key_refused_later_does_not_end_the_polling(
    server: MisbehavingServer, make_client: MakeClient
) -> None:
    """Flags stay while the key is refused and move on when it is accepted again."""
    client = make_client()
    assert client.ready()
    server.behaviour = status(401)
    assert eventually(lambda: client.status.failures >= 2)
    assert (client.is_enabled("flag"), client.status.state) == (True, "STALE")
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert eventually(lambda: not client.is_enabled("flag", default=True))


def test_retry_after_is_honoured(server: MisbehavingServer, make_client: MakeClient) -> None:
    """A server that asks for a second gets it, though polls are due ten times as often."""
    client = make_client()
    assert client.ready()
    server.behaviour = status(429, {"Retry-After": "1"})
    before = len(server.seen)
    assert eventually(lambda: len(server.seen) >= before + 2, 10.0)
    first, second = server.seen[before : before + 2]
    assert second.at - first.at >= 1.0


def test_server_that_restarts_is_found_again(server: MisbehavingServer, make_client: MakeClient) -> None:
    """Connections cut, nothing listening, then a new server: flags stay throughout and then move on."""
    client = make_client()
    assert client.ready()
    port = server.port
    server.close()
    assert eventually(lambda: client.status.failures >= 2)
    assert client.is_enabled("flag") is True
    again = MisbehavingServer(serving(snapshot({"flag": False}, revision=6)), port)
    try:
        assert eventually(lambda: not client.is_enabled("flag", default=True))
    finally:
        client.close()
        again.close()


def test_one_outage_is_one_warning(
    server: MisbehavingServer, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """However many polls fail, an outage is one warning when it begins and one note when it is over."""
    caplog.set_level(logging.INFO, "flagd_sdk")
    client = make_client()
    assert client.ready()
    caplog.clear()
    server.behaviour = status(500)
    assert eventually(lambda: client.status.failures >= 3)
    server.behaviour = serving(snapshot(revision=5))
    assert eventually(lambda: client.status.failures == 0)
    ours = [record.levelno for record in caplog.records if record.name == "flagd_sdk"]
    assert ours == [logging.WARNING, logging.INFO]


def test_polling_is_silent_when_all_is_well(
    server: MisbehavingServer, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """No line per poll, neither ours nor the HTTP library's, at INFO and above."""
    caplog.set_level(logging.INFO)
    assert make_client().ready()
    assert eventually(lambda: len(server.seen) >= 3)
    assert caplog.records == []


def test_close_ends_the_thread_and_keeps_the_flags(
    server: MisbehavingServer, make_client: MakeClient
) -> None:
    """After close() nothing runs, the last flags answer, and nothing wakes the client again."""
    client = make_client()
    assert client.ready()
    client.close()
    assert pollers() == []
    assert (client.is_enabled("flag"), client.status.state, client.revision) == (True, "CLOSED", 5)
    before = len(server.seen)
    assert client.refresh() is False
    assert client.ready(0.0) is True
    time.sleep(0.3)
    assert (len(server.seen), pollers()) == (before, [])


def test_close_from_many_threads_at_once(make_client: MakeClient) -> None:
    """close() is safe to call from several threads, more than once, and returns in each."""
    client = make_client()
    assert client.ready()
    closers = [threading.Thread(target=client.close) for _ in range(8)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(5.0)
    assert not any(closer.is_alive() for closer in closers)
    client.close()
    assert pollers() == []


def test_close_before_any_use(make_client: MakeClient) -> None:
    """A client that was never used closes, and stays closed when it is used."""
    client = make_client()
    client.close()
    assert client.is_enabled("flag", default=True) is True
    assert pollers() == []


def test_close_does_not_wait_for_a_hanging_server(server: MisbehavingServer, make_client: MakeClient) -> None:
    """An application that shuts down is not held up by a poll that gets no answer."""
    server.behaviour = silent(3.0)
    client = make_client(timeout=3.0)
    client.is_enabled("flag")
    assert eventually(lambda: len(server.seen) == 1)
    start = time.monotonic()
    client.close()
    assert time.monotonic() - start < 2.0


def test_with_block_closes(server: MisbehavingServer) -> None:
    """Leaving the with block ends the polling."""
    with FlagClient(server.url, KEY, poll_interval=0.1) as client:
        assert client.ready()
    assert (client.status.state, pollers()) == ("CLOSED", [])


def test_forgotten_client_stops_polling(server: MisbehavingServer) -> None:
    """A client that nobody refers to any more ends its thread, closed or not."""
    client = FlagClient(server.url, KEY, poll_interval=0.1)
    assert client.ready()
    del client
    gc.collect()
    assert eventually(lambda: not pollers())


def test_first_use_by_many_threads_starts_one_poller(make_client: MakeClient) -> None:
    """Threads that race for the first evaluation start one thread between them."""
    client = make_client()
    barrier = threading.Barrier(16)

    def use() -> None:
        barrier.wait()
        client.is_enabled("flag")

    users = [threading.Thread(target=use) for _ in range(16)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert eventually(lambda: client.revision == 5)
    assert len(pollers()) == 1


def test_evaluations_race_with_updates(server: MisbehavingServer, make_client: MakeClient) -> None:
    """While snapshots come and go, every evaluation sees one whole snapshot."""
    client = make_client()
    client.ready()
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            value = client.get_int("number", default=-1)
            if value != -1 and value % 7:
                wrong.append(value)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for revision in range(6, 16):
        server.behaviour = serving(snapshot({"number": revision * 7}, revision=revision))
        client.refresh()
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert client.get_int("number", default=-1) == 15 * 7


def test_module_level_client_polls(server: MisbehavingServer) -> None:
    """configure() and the functions of the package are the shortest path to a flag."""
    flagd_sdk.configure(server.url, KEY, poll_interval=0.1)
    try:
        assert flagd_sdk.ready(5.0)
        assert flagd_sdk.is_enabled("flag", "user")
    finally:
        flagd_sdk.close()
        flagd_sdk.use(flagd_sdk.FlagReader())


def test_surprise_inside_a_poll_does_not_end_the_updates(
    server: MisbehavingServer, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception nobody foresaw is one failed poll, and the thread lives on."""
    client = make_client()
    assert client.ready()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("flagd_sdk.polling.transport.Transport._exchange", fail)
        assert eventually(lambda: client.status.failures >= 2)
        assert "ZeroDivisionError" in str(client.status.problem)
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert eventually(lambda: not client.is_enabled("flag", default=True))


def test_the_application_s_random_numbers_stay_its_own(make_client: MakeClient) -> None:
    """Polling draws from a generator of its own: an application that seeds the shared one gets what it expects."""
    random.seed(7)
    expected = [random.random() for _ in range(3)]
    random.seed(7)
    client = make_client()

    for _ in range(3):
        assert client.refresh()

    assert [random.random() for _ in range(3)] == expected
