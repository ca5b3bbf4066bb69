"""Counting: every evaluation once, in whatever thread, through refreshes and forks."""

from __future__ import annotations

import gc
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
from flagd_sdk.exposures import Counts, Exposures, _Retired
from flagd_sdk.polling.protocol import State
from tests.unit.core.documents import OFF, ON, document, flag, leaf, rule, split

FLAGS = {
    "plain": flag(default=ON),
    "fifth": flag(default=split((20_000, "on"), (100_000, "off"))),
    "pro": flag(default=OFF, rules=[rule(leaf("plan", "equals", "pro"), ON)]),
    "off": flag(enabled=False, off_variant=None),
    "text": flag(kind="string", variants={"a": "A"}, off_variant=None, default={"variant": "a"}),
    "unknown": flag(default=OFF, rules=[rule(leaf("plan", "no-such-operator", "pro"), ON)]),
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
def unpolled(client: FlagClient) -> FlagClient:
    """A client that does not poll, so that a test alone puts states in force."""
    client._asleep = False
    return client


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


def test_what_a_flag_answered_is_counted_whatever_the_caller_made_of_it(client: FlagClient) -> None:
    """Read as another type, a flag counts under the variant it answered; one that cannot be evaluated, under none."""
    assert client.get_string("plain", default="mine") == "mine"
    assert client.get_int("text", default=7) == 7

    assert client.get_boolean("unknown", default=True) is True

    assert client.take_counts() == {("plain", "on"): 1, ("text", "a"): 1, ("unknown", None): 1}


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


def test_a_refresh_loses_no_count(unpolled: FlagClient) -> None:
    """What was counted on answers of an older snapshot is still there after a newer one is in force."""
    unpolled.is_enabled("plain")
    held = unpolled._state
    unpolled.take(
        State(ruleset=load(document({"plain": flag(version=2, default=ON)}), None, held.host), host=held.host)
    )
    unpolled.is_enabled("plain")

    assert unpolled.take_counts() == {("plain", "on"): 2}


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


def put_in_force(client: FlagClient, flags: dict[str, Any]) -> None:
    """A newer snapshot of these flags."""
    held = client._state
    client.take(held._replace(ruleset=load(document(flags), held.ruleset, held.host)))
    gc.collect()


def test_counters_of_flags_that_are_gone_are_forgotten(unpolled: FlagClient) -> None:
    """Flags that come and go by the thousand leave nothing behind once their counts are taken, and lose none."""
    taken = Counter[tuple[str, str | None]]()
    for round_ in range(20):
        names = [f"generated-{round_}-{number}" for number in range(20)]
        put_in_force(unpolled, {"plain": FLAGS["plain"], **dict.fromkeys(names, FLAGS["fifth"])})
        for name in (*names, "plain"):
            unpolled.is_enabled(name, "alice")
        taken.update(unpolled.take_counts())
    put_in_force(unpolled, {"plain": FLAGS["plain"]})
    unpolled.is_enabled("plain")
    for _ in range(2):
        taken.update(unpolled.take_counts())
    exposures = unpolled._exposures

    assert {key for key, _ in exposures._counters} == {"plain"}
    assert exposures._counters.keys() == exposures._taken.keys()
    assert exposures._retired == []
    assert taken.pop(("plain", "on")) == 21
    assert (len(taken), set(taken.values())) == (400, {1})


def test_an_answer_of_a_flag_that_is_gone_still_counts(unpolled: FlagClient) -> None:
    """A thread that still holds the answer of an older snapshot counts on it, however often counts were taken."""
    answer = unpolled.evaluate("plain")
    put_in_force(unpolled, {})
    taken = [unpolled.take_counts() for _ in range(4)]
    next(answer.uses)
    put_in_force(unpolled, FLAGS)
    unpolled.is_enabled("plain")

    assert taken == [{("plain", "on"): 1}, {}, {}, {}]
    assert unpolled.take_counts() == {("plain", "on"): 2}


def test_a_use_after_retirement_is_taken_when_nobody_can_count_any_more() -> None:
    """A counter that was retired is read once more after its last holder let it go."""
    exposures = Exposures()
    next(exposures.counter("f", "on"))
    counted = [exposures.take()]
    held = exposures.counter("g", "on")
    counter = exposures._retired[0].counters["f", "on"]
    counted.append(exposures.take())
    next(counter)
    next(held)
    del counter, held
    counted += [exposures.take(), exposures.take(), exposures.take()]

    assert counted == [{("f", "on"): 1}, {}, {("f", "on"): 1, ("g", "on"): 1}, {}, {}]
    assert (exposures._counters, exposures._taken, exposures._retired) == ({}, {}, [])


@pytest.mark.usefixtures("restless")
def test_no_count_is_lost_while_counters_are_forgotten() -> None:
    """Counters that are asked for, used and let go in four threads while counts are taken add up exactly."""
    exposures, done, rounds = Exposures(), threading.Event(), 5_000
    taken: list[Counts] = []

    def use() -> None:
        for number in range(rounds):
            counter = exposures.counter("f", str(number % 3))
            next(counter)
            next(counter)

    def collect() -> None:
        while not done.is_set():
            taken.append(exposures.take())

    threads = [threading.Thread(target=use) for _ in range(4)]
    collectors = [threading.Thread(target=collect) for _ in range(2)]
    for thread in (*collectors, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    for thread in collectors:
        thread.join()
    taken += [exposures.take() for _ in range(3)]

    assert sum(sum(counts.values()) for counts in taken) == 4 * 2 * rounds
    assert (exposures._counters, exposures._retired) == ({}, [])


def test_a_child_forked_while_a_counter_was_retired_counts_right() -> None:
    """Whatever a thread of the parent was in the middle of, the child's counts are its own, each once."""
    exposures = Exposures()
    counter = exposures.counter("f", "on")
    next(counter)
    exposures.take()
    # As _retire leaves it between its first step and its second.
    exposures._retired.append(_Retired(("f", "on"), {("f", "on"): counter}, exposures._taken["f", "on"]))
    exposures.after_fork_in_child()
    next(counter)
    next(exposures.counter("f", "on"))

    assert exposures.take() == {("f", "on"): 2}


def test_a_counter_is_the_same_for_a_flag_and_variant() -> None:
    """Counters belong to a flag and a variant for as long as the client lives."""
    exposures = Exposures()
    for variant in ("on", "on", None):
        next(exposures.counter("f", variant))

    assert exposures.take() == {("f", "on"): 2, ("f", None): 1}
