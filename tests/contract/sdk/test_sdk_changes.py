"""Being told of changes: when listeners are called, with what, by whom, and what they may do."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest

from flagd_sdk import Change, FlagClient
from tests.contract.sdk.conftest import MakeClient
from tests.contract.sdk.misbehaving import MisbehavingServer, serving, status
from tests.contract.sdk.test_sdk_fork import ending, story
from tests.contract.sdk.waiting import eventually
from tests.unit.sdk.snapshots import snapshot


def test_a_listener_is_told_of_the_flags_that_changed(server: MisbehavingServer, client: FlagClient) -> None:
    """Flags that are new, gone or different are named, those that stayed are not, and the new ones already answer."""
    server.behaviour = serving(snapshot({"stays": 1, "changes": True, "goes": "x"}, revision=5))
    told: list[tuple[Change, bool]] = []
    client.on_change(lambda change: told.append((change, client.is_enabled("changes"))))
    assert eventually(lambda: len(told) == 1)
    server.behaviour = serving(snapshot({"stays": 1, "changes": False, "comes": 1.5}, revision=6))
    client.refresh()
    assert eventually(lambda: len(told) == 2)
    (first, then), (second, now) = told
    assert (set(first.flags), first.before.state, first.after.state) == (
        {"stays", "changes", "goes"},
        "NOT_READY",
        "READY",
    )
    assert (set(second.flags), second.before.revision, second.after.revision) == (
        {"changes", "goes", "comes"},
        5,
        6,
    )
    assert (then, now) == (True, False)


def test_a_listener_is_told_of_trouble_and_of_its_end(server: MisbehavingServer, client: FlagClient) -> None:
    """Each failed poll is told, and the first good one; polls that find nothing new are not."""
    client.refresh()
    told: list[Change] = []
    client.on_change(told.append)
    client.refresh()
    server.behaviour = status(503)
    client.refresh()
    client.refresh()
    server.behaviour = serving(snapshot(revision=5))
    client.refresh()
    client.refresh()
    assert [(change.after.state, change.after.failures) for change in told] == [
        ("STALE", 1),
        ("STALE", 2),
        ("READY", 0),
    ]
    assert all(change.flags == frozenset() for change in told)


def test_a_listener_that_raises_is_logged_and_harms_nobody(
    server: MisbehavingServer, client: FlagClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The other listeners are told, and the next change as well."""
    told: list[Change] = []

    def broken(change: Change) -> None:
        raise RuntimeError("planted")

    client.on_change(broken)
    client.on_change(told.append)
    assert eventually(lambda: len(told) == 1)
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert client.refresh()
    assert eventually(lambda: len(told) == 2)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "planted" in caplog.text


def test_a_listener_can_stop_listening(server: MisbehavingServer, client: FlagClient) -> None:
    """Whoever unsubscribed, even twice, even from inside, is told no more; a function added twice goes on once."""
    # So that the polling that begins with listening has nothing to do, and only refresh tells.
    client.refresh()
    told: list[str] = []

    def once(change: Change) -> None:
        told.append("once")
        stop_once()

    stop_once = client.on_change(once)

    def twice(change: Change) -> None:
        told.append("twice")

    client.on_change(twice)
    stop = client.on_change(twice)
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    client.refresh()
    stop()
    stop()
    server.behaviour = serving(snapshot({"flag": True}, revision=7))
    client.refresh()
    assert told == ["once", "twice", "twice", "twice"]


def test_a_listener_may_use_the_client(server: MisbehavingServer, client: FlagClient) -> None:
    """Polling, waiting and closing from inside a listener end well, and changes are told in their order."""
    told: list[tuple[int | None, str]] = []

    def busy(change: Change) -> None:
        told.append((change.after.revision, change.after.state))
        if len(told) == 1:
            server.behaviour = serving(snapshot({"flag": False}, revision=6))
            assert client.ready(60)
            assert client.refresh()
            # Noted, and told when this call is over.
            assert told == [(5, "READY")]
        else:
            client.close()

    client.on_change(busy)
    assert eventually(lambda: told == [(5, "READY"), (6, "READY"), (6, "CLOSED")])
    assert client.status.state == "CLOSED"


def test_the_polling_thread_tells(make_client: MakeClient) -> None:
    """Nobody has to ask: the thread that polls calls the listeners."""
    client = make_client()
    told: list[str] = []
    client.on_change(lambda change: told.append(threading.current_thread().name))
    # Listening is a use of the client, which starts the polling.
    assert eventually(lambda: told == ["flagd-poller"])


def test_each_status_has_its_own_age(server: MisbehavingServer, client: FlagClient) -> None:
    """The age before a change is that of what was held until then."""
    client.refresh()
    told: list[Change] = []
    client.on_change(told.append)
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    time.sleep(0.2)
    client.refresh()
    (change,) = told
    assert change.before.age is not None
    assert change.after.age is not None
    assert change.before.age - change.after.age >= 0.2


def test_the_first_change_has_no_age_before_it(client: FlagClient) -> None:
    """Before the first snapshot the server had confirmed nothing."""
    told: list[Change] = []
    client.on_change(told.append)
    assert eventually(lambda: len(told) == 1)
    assert told[0].before.age is None
    assert told[0].after.age is not None


def test_close_is_told_and_after_it_nothing(server: MisbehavingServer, make_client: MakeClient) -> None:
    """Closing is a change of status, told once, by the thread that closes; then a client is silent."""
    client = make_client(poll_interval=3600.0)
    client.refresh()
    told: list[Change] = []
    client.on_change(told.append)
    client.close()
    client.close()
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert client.refresh() is False
    assert [(change.flags, change.before.state, change.after.state) for change in told] == [
        (frozenset(), "READY", "CLOSED")
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_listeners_live_on_in_a_forked_child(server: MisbehavingServer, tmp_path: Path) -> None:
    """A child's own poller tells the listeners it inherited, though the parent was in the middle of telling them."""
    go = tmp_path / "go"
    running = story(
        server,
        f"""
        client = FlagClient(url, key, poll_interval=0.1)
        parent, told, telling, go_on = os.getpid(), [], threading.Event(), threading.Event()

        def listener(change):
            told.append(change.after.revision)
            telling.set()
            if os.getpid() == parent:
                go_on.wait(20)

        def child():
            client.is_enabled("flag")
            open({str(go)!r}, "w").close()
            return eventually(lambda: 6 in told)

        client.on_change(listener)
        client.ready(10)
        telling.wait(10)
        forked = in_child(child)
        inherited = result(forked)
        go_on.set()
        print(json.dumps([inherited, eventually(lambda: told == [5, 6])]))
        client.close()
        """,
    )
    assert eventually(go.exists, 30.0)
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert ending(running) == [True, True]
