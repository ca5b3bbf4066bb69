"""The benchmark measures right answers and reports what it found; how fast anything is, is never tested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench import clients, fresh, report, sameness
from tests.bench.adapter import Adapter, CannotDo
from tests.bench.flags import CONTEXT, HALF, OFF, PLAIN, SPLIT, WORKLOADS, Flag, catalogue, changed
from tests.bench.goals import goals
from tests.bench.least import Least
from tests.bench.measure import Found
from tests.bench.ours import Flagd
from tests.bench.peers.install import entries
from tests.bench.worker import Worker, load

NOWHERE = "http://127.0.0.1:1"
ROOT = Path(__file__).parents[2]
KINDS: list[type[Adapter]] = [Flagd, Least]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Adapter]:
    found: type[Adapter] = request.param
    return found


@pytest.mark.parametrize("flag", WORKLOADS.flags, ids=lambda flag: flag.key)
def test_what_is_measured_answers_right(kind: type[Adapter], flag: Flag) -> None:
    """Our client and the least code give the answers that every measured client has to give."""
    client = load(kind, WORKLOADS, NOWHERE)
    assert sameness.faults(client, flag, users=200) == []
    client.close()


def test_all_flags_at_once_answer_right(kind: type[Adapter]) -> None:
    """The measurement of all flags gets a right value for each of them."""
    flags = catalogue(300)
    client = load(kind, flags, NOWHERE)
    assert sameness.catalogue_faults(client, flags) == []
    client.close()


@pytest.mark.parametrize("flag", [*WORKLOADS.flags], ids=lambda flag: flag.key)
@pytest.mark.parametrize("always", [True, "a"])
def test_a_client_that_is_only_fast_is_caught(flag: Flag, always: object) -> None:
    """A client that answers the same to everybody passes for the plain flag alone, where that is the right answer."""

    class Constant(Least):
        def call(self, flag: Flag, context: Any) -> Any:
            return lambda: always

        def everything(self, flags: Any, context: Any) -> Any:
            return lambda: {flag.key: always for flag in flags.flags}

    constant = Constant(None, NOWHERE)
    right = flag == PLAIN and always is True
    assert (sameness.faults(constant, flag, users=200) == []) is right
    assert sameness.catalogue_faults(constant, catalogue(300))


def test_a_worker_answers_every_command(tmp_path: Path) -> None:
    """A worker checks, times, counts with threads, and writes documents that load, of which one flag differs."""
    worker = Worker(clients.OURS, NOWHERE)
    assert worker.check(users=50)["cannot"] == {}
    assert worker.time(SPLIT.key, calls=3) > 0
    assert min(worker.threads(count=2, calls=10)) > 0
    flags = catalogue(30)
    for name, each in ((fresh.FIRST, flags), (fresh.SECOND, changed(flags)[0])):
        (tmp_path / name).write_text(Flagd.text(each))
    found = fresh.measure(Flagd, NOWHERE, tmp_path, flags)
    assert set(found["found"]) == {"parse", "load", "loaded", "asked", "parse again", "replace"}
    worker.close()


def test_one_flag_differs_after_a_change() -> None:
    """The change that clients take over touches the flag it names and no other."""
    flags = catalogue(30)
    after, key = changed(flags)
    differing = [old.key for old, new in zip(flags.flags, after.flags, strict=True) if old != new]
    assert differing == [key]


def found(name: str, nanoseconds: float) -> Found:
    return Found(name, installed=name, ns={PLAIN.key: [nanoseconds + 50, nanoseconds]})


def test_nobody_is_left_out_in_silence() -> None:
    """Who could not be measured, as a whole or in one thing, is named in the report with the reason."""
    missing = Found("Unleash", out="not installed: No module named 'UnleashClient'")
    unable = found("Flipt", 900)
    unable.cannot["rules"] = "no operator for versions"
    text = "\n".join(report.lines([found(clients.OURS, 100), missing, unable], rounds=2))
    assert "Unleash: not installed: No module named 'UnleashClient'" in text
    assert "Flipt, rules: no operator for versions" in text


def test_goals_compare_the_least_of_all_rounds(tmp_path: Path) -> None:
    """A goal is held against the fastest round of each, the best of the peers, and says whether it is met."""
    results = [found(clients.OURS, 100), found(clients.LEAST, 20), found("Flipt", 900), found("Eppo", 300)]
    reached = {goal.text: (goal.found, goal.met) for goal in goals(results)}
    assert reached["W1 plain: times the least code"] == (5.0, False)
    assert reached["W1 plain: times as fast as the best peer (Eppo)"] == (3.0, False)
    report.write_json(tmp_path / "found.json", results, rounds=2)
    written = json.loads((tmp_path / "found.json").read_text())
    assert [each["name"] for each in written["clients"]] == [each.name for each in results]


def test_a_client_that_has_no_such_thing_says_so() -> None:
    """What a client cannot do is no wrong answer: it is refused with the reason."""
    with pytest.raises(CannotDo, match="nothing was loaded"):
        Least(None, NOWHERE).replace(None, "split")


def test_every_entry_of_the_lock_can_be_installed_alone() -> None:
    """The list of clients falls into one entry for each package, hashes included."""
    lock = (ROOT / "requirements" / "bench.txt").read_text()
    each = dict(entries(lock))
    assert len(each) == lock.count("==")
    assert {"growthbook", "unleashclient", "flipt-client"} <= set(each)
    assert all("--hash=sha256:" in entry for entry in each.values())


def test_the_flags_are_what_the_page_says() -> None:
    """The user asked about is in the middle of each segment, and a flag's variants are those it serves."""
    for members in WORKLOADS.segments.values():
        assert members[len(members) // 2] == CONTEXT["targetingKey"]
    assert Flag("f", OFF).variants == Flag("f", HALF).variants == ("on", "off")
