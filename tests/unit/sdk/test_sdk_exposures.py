"""Counting: every evaluation once, in whatever thread, through refreshes and forks."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from flagd_core import load
from flagd_sdk import FlagClient
from flagd_sdk.exposures import Counts, Exposures
from flagd_sdk.polling.protocol import State
from tests.unit.core.documents import OFF, ON, document, flag, leaf, rule, split

FLAGS = {
    "plain": flag(default=ON),
    "fifth": flag(default=split((20_000, "on"), (100_000, "off"))),
    "pro": flag(default=OFF, rules=[rule(leaf("plan", "equals", "pro"), ON)]),
    "off": flag(enabled=False, off_variant=None),
    "text": flag(kind="string", variants={"a": "A"}, off_variant=None, default={"variant": "a"}),
}


def client_of(flags: dict[str, Any]) -> FlagClient:
    """A client on these flags whose server does not answer."""
    return FlagClient("http://127.0.0.1:1", "nobody", bootstrap=document(flags), poll_interval=3600)


@pytest.fixture
def client() -> Iterator[FlagClient]:
    """A client that is closed afterwards."""
    with client_of(FLAGS) as made:
        yield made


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_each_evaluation_is_counted_by_flag_and_variant(client: FlagClient) -> None:
    """Every call that reads a flag counts once, under the variant that was served, or none for the default."""
    client.is_enabled("plain", "alice")
    client.evaluate("plain")
    client.get_string("text", default="")
    client.is_enabled("off")
    client.is_enabled("text")
    client.is_enabled("pro", {"plan": "pro"})
    client.is_enabled("pro", {"plan": "free"})

    assert client.take_counts() == {
        ("plain", "on"): 2,
        ("text", "a"): 2,
        ("off", None): 1,
        ("pro", "on"): 1,
        ("pro", "off"): 1,
    }


def test_what_was_taken_is_not_counted_again(client: FlagClient) -> None:
    """Each evaluation is in exactly one answer of take_counts."""
    client.is_enabled("plain")
    assert client.take_counts() == {("plain", "on"): 1}
    assert client.take_counts() == {}
    client.is_enabled("plain")
    client.is_enabled("plain")
    assert client.take_counts() == {("plain", "on"): 2}


def test_unknown_flags_and_bulk_answers_are_not_counted(client: FlagClient) -> None:
    """A name that is no flag takes no memory, and answers for all flags at once count for nobody."""
    for number in range(100):
        client.is_enabled(f"no-such-{number}")
    client.evaluate_all("alice")

    assert client.take_counts() == {}


def test_all_flags_at_once_answer_as_one_by_one(client: FlagClient) -> None:
    """evaluate_all gives each flag the answer that evaluate gives it."""
    for context in ("alice", {"targetingKey": "bob", "plan": "pro"}, None):
        answers = client.evaluate_all(context)

        assert answers.keys() == FLAGS.keys()
        assert {key: answers[key].variant for key in FLAGS} == {
            key: client.evaluate(key, context).variant for key in FLAGS
        }


@pytest.mark.usefixtures("restless")
def test_eight_threads_lose_no_exposure(client: FlagClient) -> None:
    """Evaluations in eight threads, with counts taken all the while, add up to exactly as many as were made."""
    calls, done = 20_000, threading.Event()
    taken: list[Counts] = []

    def evaluate() -> None:
        for number in range(calls):
            client.is_enabled("fifth", f"user-{number}")

    def collect() -> None:
        while not done.is_set():
            taken.append(client.take_counts())

    threads = [threading.Thread(target=evaluate) for _ in range(8)]
    collectors = [threading.Thread(target=collect) for _ in range(2)]
    for thread in (*collectors, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    for thread in collectors:
        thread.join()
    taken.append(client.take_counts())

    total = Counter[tuple[str, str | None]]()
    for counts in taken:
        total.update(counts)
    expected = sum(client.evaluate("fifth", f"user-{number}").value is True for number in range(calls))
    assert total == {("fifth", "on"): 8 * expected, ("fifth", "off"): 8 * (calls - expected)}


@pytest.mark.usefixtures("restless")
def test_two_threads_that_compile_a_flag_share_its_counter() -> None:
    """The first evaluations of a flag, in several threads at once, are all counted."""
    for _ in range(50):
        with client_of(FLAGS) as client:
            gate = threading.Barrier(4)

            def first_use(gate: threading.Barrier = gate, client: FlagClient = client) -> None:
                gate.wait()
                client.is_enabled("plain")

            threads = [threading.Thread(target=first_use) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert client.take_counts() == {("plain", "on"): 4}


def test_a_refresh_loses_no_count(client: FlagClient) -> None:
    """What was counted on answers of an older snapshot is still there after a newer one is in force."""
    client.is_enabled("plain")
    held = client._state
    client.take(
        State(ruleset=load(document({"plain": flag(version=2, default=ON)}), None, held.host), host=held.host)
    )
    client.is_enabled("plain")

    assert client.take_counts() == {("plain", "on"): 2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_counts_its_own(client: FlagClient) -> None:
    """The child starts from zero; what the parent had counted stays with the parent."""
    client.is_enabled("plain")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            client.is_enabled("fifth", "alice")
            os.write(
                write, json.dumps([[*key, value] for key, value in client.take_counts().items()]).encode()
            )
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        counted = json.loads(answer.read())
    os.waitpid(child, 0)

    assert [(flag_key, value) for flag_key, _, value in counted] == [("fifth", 1)]
    assert client.take_counts() == {("plain", "on"): 1}


def test_a_counter_is_the_same_for_a_flag_and_variant() -> None:
    """Counters belong to a flag and a variant for as long as the client lives."""
    exposures = Exposures()
    for variant in ("on", "on", None):
        next(exposures.counter("f", variant))

    assert exposures.take() == {("f", "on"): 2, ("f", None): 1}
