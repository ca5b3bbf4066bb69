"""What a client sends, and what it makes of every kind of answer; one synchronous poll at a time."""

from __future__ import annotations

import gzip
import logging
import time

import pytest

from flagd_sdk import FlagClient, HttpOptions
from tests.contract.sdk.conftest import MakeClient
from tests.contract.sdk.misbehaving import (
    KEY,
    MisbehavingServer,
    Respond,
    dripping,
    serving,
    silent,
    status,
    trickling,
    truncated,
)
from tests.unit.sdk.snapshots import LINEAGE, OTHER_LINEAGE, encoded, snapshot

JSON = {"Content-Type": "application/json", "ETag": '"x"'}


def test_request_carries_key_etag_and_version(server: MisbehavingServer, client: FlagClient) -> None:
    """A poll is GET /sdk/v1/snapshot with the key as bearer token, gzip accepted, and the ETag once there is one."""
    assert client.refresh()
    assert client.refresh()
    first, second = server.seen
    assert first.path == "/sdk/v1/snapshot"
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["accept-encoding"] == "gzip"
    assert first.headers["user-agent"].startswith("flagd-sdk/")
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == f'W/"{LINEAGE}.5"'


def test_polls_share_a_connection(server: MisbehavingServer, client: FlagClient) -> None:
    """200, 304 and errors alike leave the connection open for the next poll."""
    client.refresh()
    client.refresh()
    server.behaviour = status(500, {"Content-Type": "text/html"}, b"<html>oops</html>")
    client.refresh()
    client.refresh()
    assert len({seen.client_port for seen in server.seen}) == 1


def test_snapshot_is_read_with_and_without_gzip(server: MisbehavingServer, client: FlagClient) -> None:
    """Compressed or plain, the snapshot is the same."""
    server.behaviour = status(200, JSON, encoded(snapshot(revision=6)))
    assert client.refresh()
    server.behaviour = serving(snapshot({"flag": False}, revision=7))
    assert client.refresh()
    assert (client.revision, client.is_enabled("flag", default=True)) == (7, False)


BAD: dict[str, Respond] = {
    "truncated": truncated(snapshot({"flag": False}, revision=9)),
    "wrong content type": status(200, {"Content-Type": "text/html", "ETag": '"x"'}, b"<html>sign in</html>"),
    "empty body": status(200, JSON),
    "half a document": status(200, JSON, encoded(snapshot(revision=9))[:-30]),
    "not gzip": status(200, {**JSON, "Content-Encoding": "gzip"}, encoded(snapshot(revision=9))),
    "half a gzip": status(
        200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(encoded(snapshot(revision=9)))[:-20]
    ),
    "unknown encoding": status(200, {**JSON, "Content-Encoding": "br"}, encoded(snapshot(revision=9))),
    "wrong digest": status(200, JSON, encoded({**snapshot({"flag": False}, revision=9), "digest": "0" * 64})),
    "unknown format": status(200, JSON, encoded({**snapshot(revision=9), "format": 2})),
    "other environment": status(200, JSON, encoded(snapshot({"flag": False}, revision=9, environment="dev"))),
    "304 for a wrong etag": status(304, {"ETag": '"something"'}),
    "unauthorized": status(401),
    "forbidden": status(403),
    "not found": status(404, {"Content-Type": "text/html"}, b"x" * 1_000_000),
    "too many": status(429, {"Retry-After": "5"}),
    "broken": status(500),
    "unavailable": status(503, {"Retry-After": "Sat, 22 Nov 2025 08:27:40 GMT"}),
    "redirect": status(302, {"Location": "http://127.0.0.1:1/"}),
    "permanent redirect": status(308, {"Location": "/elsewhere"}),
    "no content": status(204),
}


@pytest.mark.parametrize("name", BAD)
def test_last_good_snapshot_survives(
    server: MisbehavingServer, client: FlagClient, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Whatever the server does, the flags stay; it is said once, with no key in it; the next good answer is taken."""
    assert client.refresh()
    server.behaviour = BAD[name]
    assert client.refresh() is False
    assert client.refresh() is False
    assert (client.revision, client.is_enabled("flag")) == (5, True)
    assert (client.status.state, client.status.failures) == ("STALE", 2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert KEY not in caplog.text
    server.behaviour = serving(snapshot({"flag": False}, revision=10))
    assert client.refresh()
    assert (client.revision, client.status.state, client.status.problem) == (10, "READY", None)
    assert client.is_enabled("flag", default=True) is False


def test_redirects_are_not_followed(server: MisbehavingServer, client: FlagClient) -> None:
    """The key goes to the configured address and nowhere else."""
    elsewhere = MisbehavingServer(serving(snapshot(revision=6)))
    server.behaviour = status(307, {"Location": f"{elsewhere.url}/sdk/v1/snapshot"})
    assert client.refresh() is False
    elsewhere.close()
    assert elsewhere.seen == []
    assert "redirects are not followed" in str(client.status.problem)


def test_etag_advances_only_with_what_was_applied(server: MisbehavingServer, client: FlagClient) -> None:
    """After a truncated snapshot the client still asks with the ETag of the one it holds."""
    client.refresh()
    server.behaviour = truncated(snapshot(revision=6))
    client.refresh()
    client.refresh()
    assert server.seen[-1].headers["if-none-match"] == f'W/"{LINEAGE}.5"'


def test_wrong_304_makes_the_next_poll_unconditional(server: MisbehavingServer, client: FlagClient) -> None:
    """A cache that answers 304 for something else is got past by asking without a condition."""
    client.refresh()
    server.behaviour = status(304, {"ETag": '"something"'})
    client.refresh()
    server.behaviour = serving(snapshot(revision=6))
    assert client.refresh()
    assert "if-none-match" not in server.seen[-1].headers
    assert client.revision == 6


def test_304_at_the_start_is_no_snapshot(server: MisbehavingServer, client: FlagClient) -> None:
    """A 304 that nobody asked for does not count as flags."""
    server.behaviour = status(304, {"ETag": 'W/"x"'})
    assert client.refresh() is False
    assert (client.revision, client.status.state) == (None, "NOT_READY")


def test_revision_never_goes_backwards(
    server: MisbehavingServer, client: FlagClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A replica that lags is listened to politely, in a 200 as in a 304, and its snapshot left alone."""
    client.refresh()
    server.behaviour = status(200, JSON, encoded(snapshot({"flag": False}, revision=4)))
    assert client.refresh() is False
    server.behaviour = status(304, {"ETag": f'W/"{LINEAGE}.4"'})
    assert client.refresh() is False
    assert (client.revision, client.is_enabled("flag"), client.status.state) == (5, True, "READY")
    assert "older" in str(client.status.problem) or "revision 4" in str(client.status.problem)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_new_lineage_starts_over(server: MisbehavingServer, client: FlagClient) -> None:
    """After the server's database was restored, its lower revisions are followed."""
    client.refresh()
    server.behaviour = serving(snapshot({"flag": False}, revision=1, lineage=OTHER_LINEAGE))
    assert client.refresh()
    assert (client.revision, client.status.lineage) == (1, OTHER_LINEAGE)
    assert client.is_enabled("flag", default=True) is False


def test_removing_the_last_flag_arrives(server: MisbehavingServer, client: FlagClient) -> None:
    """An environment without flags is a snapshot like any other."""
    client.refresh()
    server.behaviour = serving(snapshot({}, revision=6))
    assert client.refresh()
    assert client.is_enabled("flag", default=False) is False
    assert str(client.evaluate("flag").error_code) == "FLAG_NOT_FOUND"


@pytest.mark.parametrize("behaviour", [silent(3.0), trickling(3.0), dripping(3.0)])
def test_slow_server_is_given_up_on(
    server: MisbehavingServer, make_client: MakeClient, behaviour: Respond
) -> None:
    """A poll takes no longer than the timeout, whether the server says nothing or very little at a time."""
    client = make_client(poll_interval=3600.0, timeout=0.4)
    server.behaviour = behaviour
    start = time.monotonic()
    assert client.refresh() is False
    assert time.monotonic() - start < 2.0
    assert "within 0.4 s" in str(client.status.problem)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_huge_body_is_cut_off(server: MisbehavingServer, make_client: MakeClient, encoding: str) -> None:
    """A body over the limit is refused, however small it was compressed."""
    client = make_client(poll_interval=3600.0, http=HttpOptions(max_bytes=100_000))
    client.refresh()
    huge = b" " * 30_000_000
    body = gzip.compress(huge, 1) if encoding == "gzip" else huge
    server.behaviour = status(200, {**JSON, "Content-Encoding": encoding}, body)
    assert client.refresh() is False
    assert "larger than 100000 bytes" in str(client.status.problem)
    assert client.revision == 5


def test_body_of_just_the_limit_is_read(server: MisbehavingServer, make_client: MakeClient) -> None:
    """The limit itself is allowed."""
    size = len(encoded(snapshot(revision=5)))
    assert make_client(poll_interval=3600.0, http=HttpOptions(max_bytes=size)).refresh()
    assert not make_client(poll_interval=3600.0, http=HttpOptions(max_bytes=size - 1)).refresh()


def test_unreachable_server_is_a_failure_like_any_other(
    client: FlagClient, server: MisbehavingServer
) -> None:
    """No connection is a reason to go on with what is held, and a restarted server is found again."""
    client.refresh()
    port = server.port
    server.close()
    assert client.refresh() is False
    assert (client.revision, client.status.state) == (5, "STALE")
    again = MisbehavingServer(serving(snapshot(revision=6)), port)
    try:
        assert client.refresh()
        assert client.revision == 6
    finally:
        again.close()


def test_missing_ca_file_is_a_failed_poll(make_client: MakeClient) -> None:
    """A certificate bundle that is not there is reported and tried again, not raised."""
    client = make_client(poll_interval=3600.0, http=HttpOptions(ca_file="/nowhere/ca.pem"))
    assert client.refresh() is False
    assert "FileNotFoundError" in str(client.status.problem)


def test_proxy_option_is_used(server: MisbehavingServer, make_client: MakeClient) -> None:
    """With a proxy configured the poll goes there, in absolute form."""
    proxy = MisbehavingServer(serving(snapshot(revision=8)))
    client = make_client(poll_interval=3600.0, http=HttpOptions(proxy=proxy.url))
    assert client.refresh()
    proxy.close()
    assert (client.revision, server.seen) == (8, [])
    assert proxy.seen[0].path == f"{server.url}/sdk/v1/snapshot"


def test_proxy_of_the_environment_is_used_unless_switched_off(
    server: MisbehavingServer, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY counts, NO_PROXY excepts from it, and the option "" ignores both."""
    proxy = MisbehavingServer(serving(snapshot(revision=8)))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    through = make_client(poll_interval=3600.0)
    direct = make_client(poll_interval=3600.0, http=HttpOptions(proxy=""))
    assert through.refresh()
    assert direct.refresh()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    excepted = make_client(poll_interval=3600.0)
    assert excepted.refresh()
    proxy.close()
    assert [client.revision for client in (through, direct, excepted)] == [8, 5, 5]
