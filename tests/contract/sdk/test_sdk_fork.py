"""Forks: every child keeps answering and updating, with nothing set up. Each story has an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sdk.misbehaving import KEY, MisbehavingServer, serving, silent
from tests.contract.sdk.waiting import eventually
from tests.unit.sdk.snapshots import snapshot

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PRELUDE = """
import json, os, sys, threading, time
from flagd_sdk import FlagClient

url, key = sys.argv[1:3]

def eventually(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.01)
    return bool(condition())

def in_child(work):
    # Runs work() in a forked child and gives back what it returned; a child that hangs is an error after a while.
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    return pid, reading

def result(child):
    pid, reading = child
    text = os.read(reading, 10000)
    os.waitpid(pid, 0)
    return json.loads(text or b'"the child died"')

def pollers():
    return sum(thread.name == "flagd-poller" for thread in threading.enumerate())
"""


def story(server: MisbehavingServer, script: str) -> subprocess.Popen[str]:
    """Start a program that prints one JSON value at its end."""
    program = PRELUDE + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, server.url, KEY],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ending(running: subprocess.Popen[str]) -> Any:
    """What the program printed."""
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "Traceback" not in err
    return json.loads(out.splitlines()[-1])


def test_child_answers_at_once_and_keeps_updating(server: MisbehavingServer, tmp_path: Path) -> None:
    """A child of a process that polls answers from the inherited flags, then from its own polls; so does the parent."""
    go = tmp_path / "go"
    running = story(
        server,
        f"""
        client = FlagClient(url, key, poll_interval=0.1)
        client.ready(10)
        def child():
            first = client.is_enabled("flag")
            started = eventually(lambda: pollers() == 1)
            open({str(go)!r} + str(os.getpid()), "w").close()
            return [first, started, eventually(lambda: not client.is_enabled("flag", default=True)), client.revision]
        children = [in_child(child) for _ in range(3)]
        answers = [result(each) for each in children]
        parent = eventually(lambda: not client.is_enabled("flag", default=True))
        client.close()
        print(json.dumps([answers, parent]))
        """,
    )
    assert eventually(lambda: len(list(tmp_path.iterdir())) == 3, 30.0)
    server.behaviour = serving(snapshot({"flag": False}, revision=6))
    assert ending(running) == [[[True, True, True, 6]] * 3, True]


def test_sockets_are_not_shared_across_a_fork(server: MisbehavingServer) -> None:
    """Parent and child poll over connections of their own."""
    running = story(
        server,
        """
        client = FlagClient(url, key, poll_interval=3600)
        client.refresh()
        answer = result(in_child(client.refresh))
        client.refresh()
        client.close()
        print(json.dumps(answer))
        """,
    )
    assert ending(running) is True
    first, child, again = [seen.client_port for seen in server.seen]
    assert first == again
    assert child != first


def test_fork_in_the_middle_of_a_poll(server: MisbehavingServer) -> None:
    """A lock that the parent's poll holds during the fork does not reach the child, and close() returns there."""
    server.behaviour = silent(2.0)
    running = story(
        server,
        """
        client = FlagClient(url, key, poll_interval=0.1, timeout=2)
        client.is_enabled("flag")
        time.sleep(0.7)
        def child():
            answered = client.is_enabled("flag", default=True)
            ready = client.ready(10)
            start = time.monotonic()
            client.close()
            return [answered, ready, time.monotonic() - start < 2]
        started = in_child(child)
        print(json.dumps(result(started)))
        """,
    )
    assert eventually(lambda: len(server.seen) >= 1, 20.0)
    server.behaviour = serving(snapshot(revision=5))
    assert ending(running) == [True, True, True]


def test_fork_while_the_http_library_is_being_imported(server: MisbehavingServer) -> None:
    """Forks right after the first use, when the thread imports httpx, leave no half-imported module in the child."""
    running = story(
        server,
        """
        client = FlagClient(url, key, poll_interval=0.1)
        client.is_enabled("flag")
        def child():
            return eventually(lambda: client.is_enabled("flag"))
        children = []
        for pause in (0.0, 0.002, 0.01, 0.05):
            time.sleep(pause)
            children.append(in_child(child))
        print(json.dumps([result(each) for each in children]))
        """,
    )
    assert ending(running) == [True] * 4


def test_fork_before_the_first_use(server: MisbehavingServer) -> None:
    """A client made before the fork, as with a preloading web server, starts in each child on its first use."""
    running = story(
        server,
        """
        client = FlagClient(url, key, poll_interval=0.1)
        def child():
            return [pollers(), client.ready(10), client.is_enabled("flag"), pollers()]
        children = [in_child(child) for _ in range(2)]
        print(json.dumps([result(each) for each in children] + [pollers()]))
        """,
    )
    assert ending(running) == [[0, True, True, 1], [0, True, True, 1], 0]


def test_grandchildren_and_closed_clients(server: MisbehavingServer) -> None:
    """A fork of a fork updates as well; a client that was closed before a fork stays closed in the child."""
    running = story(
        server,
        """
        client, closed = FlagClient(url, key, poll_interval=0.1), FlagClient(url, key, poll_interval=0.1)
        client.ready(10); closed.ready(10); closed.close()
        def grandchild():
            return [client.refresh(), client.is_enabled("flag"), closed.is_enabled("flag"), closed.status.state]
        def child():
            client.is_enabled("flag")
            return result(in_child(grandchild))
        print(json.dumps(result(in_child(child))))
        """,
    )
    assert ending(running) == [True, True, True, "CLOSED"]


def test_multiprocessing_fork_pool(server: MisbehavingServer) -> None:
    """Workers of a fork pool read flags through a client of the parent."""
    running = story(
        server,
        """
        import multiprocessing
        client = FlagClient(url, key, poll_interval=0.1)
        client.ready(10)
        def work(number):
            return [client.is_enabled("flag", str(number)), client.refresh()]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(json.dumps(pool.map(work, range(4))))
        """,
    )
    assert ending(running) == [[True, True]] * 4


def test_fork_that_python_is_not_told_about(server: MisbehavingServer) -> None:
    """Under a server that forks without running Python's hooks, children notice by their process id and update."""
    running = story(
        server,
        """
        import types, ctypes
        sys.modules["uwsgi"] = types.SimpleNamespace(opt={"enable-threads": True})
        client = FlagClient(url, key, poll_interval=0.1)
        client.ready(10)
        inherited = client._poller
        reading, writing = os.pipe()
        pid = ctypes.PyDLL(None).fork()
        if pid == 0:
            try:
                first = client.is_enabled("flag")
                own = client._poller is not None and client._poller is not inherited
                before = inherited.state.confirmed is not None and client._poller is not None
                polled = eventually(lambda: client.status.age is not None)
                client.close()
                os.write(writing, json.dumps([first, own, before, polled, client.status.state]).encode())
            finally:
                os._exit(0)
        os.close(writing)
        print(json.dumps(result((pid, reading))))
        """,
    )
    assert ending(running) == [True, True, True, True, "CLOSED"]
