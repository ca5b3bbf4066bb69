"""Making a client: what is refused, what is kept secret, and what it costs to import the package."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

import flagd_sdk
from flagd_sdk import ConfigurationError, Context, FlagClient, HttpOptions
from flagd_sdk.host import _process, warn_if_threads_are_off
from tests.unit.sdk.snapshots import snapshot

URL = "http://127.0.0.1:1"
SECRET = "flagd_server_very-secret-key"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "flags.example.com",
        "ftp://flags.example.com",
        "https://",
        "https://user:password@flags.example.com",
        "https://flags.example.com/?a=1",
        "https://flags.example.com/#here",
        "https://flags.example.com:port",
        "https://[::1",
        None,
        17,
    ],
)
def test_addresses_that_cannot_work_are_refused(url: Any) -> None:
    """A wrong address is an error where it is written, not a client that never updates."""
    with pytest.raises(ConfigurationError):
        FlagClient(url, SECRET)


@pytest.mark.parametrize("key", ["", "with space", "line\r\nX-Injected: 1", "käse", None, 17, b"bytes"])
def test_keys_that_cannot_travel_are_refused_and_not_repeated(key: Any) -> None:
    """A key that would break the header is an error that does not show the key."""
    with pytest.raises(ConfigurationError) as refused:
        FlagClient(URL, key)
    if isinstance(key, str) and key:
        assert key not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, 0.01, -1, float("nan"), float("inf"), True, "10", None])
@pytest.mark.parametrize("option", ["poll_interval", "timeout"])
def test_intervals_that_cannot_work_are_refused(option: str, seconds: Any) -> None:
    """An interval is a positive, finite number of seconds."""
    with pytest.raises(ConfigurationError):
        FlagClient(URL, SECRET, **{option: seconds})


@pytest.mark.parametrize("http", [HttpOptions(max_bytes=0), {"max_bytes": 5}])
def test_http_options_that_cannot_work_are_refused(http: Any) -> None:
    """The limits of a poll are checked like the rest."""
    with pytest.raises(ConfigurationError):
        FlagClient(URL, SECRET, http=http)


@pytest.mark.parametrize("url", ["https://flags.example.com/team/", " https://flags.example.com/team "])
def test_address_may_have_a_path(url: str) -> None:
    """A server behind a path prefix is polled there."""
    assert FlagClient(url, SECRET)._config.snapshot_url == "https://flags.example.com/team/sdk/v1/snapshot"


def test_key_and_proxy_password_are_in_no_repr() -> None:
    """What ends up in logs and tracebacks by itself shows neither the key nor a proxy's password."""
    client = FlagClient(URL, SECRET, http=HttpOptions(proxy="http://me:hidden@proxy:3128"))
    shown = repr([client, client._config, client._config.http, client.status])
    assert "very-secret" not in shown
    assert "hidden" not in shown


def test_making_a_client_starts_nothing() -> None:
    """No thread and no connection before the first use, so that clients can be made at import time and before forks."""
    before = threading.active_count()
    client = FlagClient(URL, SECRET)
    assert threading.active_count() == before
    assert client.status.state == "NOT_READY"
    client.close()


def test_bootstrap_answers_from_the_start(tmp_path: Path) -> None:
    """A bootstrap, as a document or a file, answers before the server does and while it cannot be reached."""
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(snapshot(revision=7), indent=2), encoding="utf-8")
    for bootstrap in (snapshot(revision=7), path, str(path)):
        with FlagClient(URL, SECRET, bootstrap=bootstrap) as client:
            assert client.ready(0.0) is True
            assert client.is_enabled("flag") is True
            assert (client.revision, client.status.source) == (7, "bootstrap")


def test_bootstrap_stays_the_callers() -> None:
    """A document that is changed after the client was made changes none of its answers."""
    document: Any = snapshot(revision=7)
    document["flags"]["flag"]["variants"] = {"value": True}
    with FlagClient(URL, SECRET, bootstrap=MappingProxyType(document)) as client:
        document["flags"]["flag"]["variants"]["value"] = False
        assert client.is_enabled("flag") is True
        document["flags"].clear()
        assert client.evaluate("flag").error_code is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 99}', "[" * 100_000])
def test_bootstrap_that_is_no_snapshot_is_refused(tmp_path: Path, content: str) -> None:
    """A broken bootstrap is an error where the client is made, like a missing one."""
    path = tmp_path / "flags.json"
    with pytest.raises(ConfigurationError):
        FlagClient(URL, SECRET, bootstrap=path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        FlagClient(URL, SECRET, bootstrap=path)


def test_context_is_a_frozen_mapping() -> None:
    """A Context reads like the mapping it stands for and cannot be changed."""
    context = Context("user", plan="pro")
    assert dict(context) == {"targetingKey": "user", "plan": "pro"}
    assert (context.targeting_key, context["plan"], len(context)) == ("user", "pro", 2)
    assert context == {"targetingKey": "user", "plan": "pro"}
    assert dict(Context.of({"device.os": "ios"})) == {"device.os": "ios"}
    assert dict(context.with_attributes(plan="free")) == {"targetingKey": "user", "plan": "free"}
    assert context["plan"] == "pro"
    with pytest.raises(TypeError):
        context["plan"] = "free"  # type: ignore[index]


def test_importing_the_package_loads_no_http_library() -> None:
    """`import flagd_sdk` stays cheap: httpx and what it brings come with the first poll."""
    script = (
        "import sys, flagd_sdk; print([m for m in ('httpx', 'ssl', 'email', 'asyncio') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_version_is_that_of_the_distribution() -> None:
    """The version that requests carry is the one that is installed."""
    assert flagd_sdk.__version__ == importlib.metadata.version("flagd-sdk")


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({}, 1),
        ({"enable-threads": b"false"}, 1),
        ({"enable-threads": True}, 0),
        ({b"enable-threads": b"true"}, 0),
        ({"threads": b"4"}, 0),
    ],
)
def test_uwsgi_without_threads_is_warned_about_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, options: dict[Any, Any], warned: int
) -> None:
    """Under uWSGI without threads nothing would ever update: that is said, once."""
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(opt=options))
    monkeypatch.setattr(_process, "uwsgi_warned", False)
    warn_if_threads_are_off()
    warn_if_threads_are_off()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * warned


def test_thread_that_cannot_start_is_logged_and_answers_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no thread can be started (interpreter going down, limits) evaluation does not notice."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    client = FlagClient(URL, SECRET, bootstrap=snapshot())
    assert [client.is_enabled("flag") for _ in range(3)] == [True] * 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    client.close()
