"""The polling protocol, rule by rule, without a socket, a clock or a thread."""

from __future__ import annotations

import logging

import pytest

from flagd_sdk.polling.pacing import Pace
from flagd_sdk.polling.protocol import (
    Answer,
    NoAnswer,
    Outcome,
    Source,
    State,
    Step,
    decide,
    from_bootstrap,
    notice,
    request_headers,
)
from tests.unit.sdk.snapshots import LINEAGE, OTHER_LINEAGE, encoded, etag, signed, snapshot

PACE = Pace(interval=10.0, chance=0.0, now=1_000_000.0)


def ok(document: dict[str, object], tag: str | None = None, content_type: str = "application/json") -> Answer:
    return Answer(200, {"content-type": content_type, "etag": tag or etag(document)}, encoded(document))


def after(state: State, came: Answer | NoAnswer, pace: Pace = PACE) -> Step:
    """What a poll does that sends what the state asks for."""
    return decide(state, request_headers(state).get("If-None-Match"), came, pace)


def holding(revision: int = 5, lineage: str = LINEAGE) -> State:
    return after(State(), ok(snapshot(revision=revision, lineage=lineage))).state


def revision_of(state: State) -> int | None:
    return None if state.ruleset is None else state.ruleset.revision


def test_first_snapshot_is_applied_with_its_etag() -> None:
    """The first snapshot is in force at once, and its ETag goes into the next request."""
    step = after(State(), ok(snapshot(revision=5)))
    assert (step.outcome, revision_of(step.state), step.state.source) == (Outcome.APPLIED, 5, Source.SERVER)
    assert request_headers(step.state) == {"If-None-Match": f'W/"{LINEAGE}.5"'}


def test_nothing_held_asks_unconditionally() -> None:
    """A client that holds nothing sends no If-None-Match."""
    assert request_headers(State()) == {}


def test_newer_revision_is_applied() -> None:
    """A higher revision of the same lineage replaces what is held."""
    step = after(holding(5), ok(snapshot(revision=6)))
    assert (step.outcome, revision_of(step.state)) == (Outcome.APPLIED, 6)


def test_older_revision_is_never_applied() -> None:
    """A lower revision of the same lineage is left alone, with its ETag, and does not slow the polling down."""
    held = holding(5)
    step = after(held, ok(snapshot(revision=4)))
    assert (step.outcome, revision_of(step.state), step.state.etag) == (Outcome.OLDER, 5, held.etag)
    assert step.wait == 10.0


def test_older_revision_of_a_new_lineage_is_applied() -> None:
    """A restored database starts a new lineage, whose revisions count however low they are."""
    step = after(holding(500), ok(snapshot(revision=1, lineage=OTHER_LINEAGE)))
    assert (step.outcome, revision_of(step.state)) == (Outcome.APPLIED, 1)
    assert step.state.etag == f'W/"{OTHER_LINEAGE}.1"'


def test_same_revision_keeps_the_compiled_flags() -> None:
    """The snapshot already held, sent again in full, changes nothing but the ETag."""
    held = holding(5)
    step = after(held, ok(snapshot(revision=5), tag='"gzip-5"'))
    assert step.outcome is Outcome.UNCHANGED
    assert step.state.ruleset is held.ruleset
    assert step.state.etag == '"gzip-5"'


def test_same_revision_with_other_content_is_applied() -> None:
    """A server that compiles the same revision differently (after an upgrade) is believed."""
    step = after(holding(5), ok(snapshot({"flag": False}, revision=5)))
    assert step.outcome is Outcome.APPLIED


def test_empty_snapshot_is_a_snapshot() -> None:
    """Removing the last flag reaches the client."""
    step = after(holding(5), ok(snapshot({}, revision=6)))
    assert step.outcome is Outcome.APPLIED
    assert step.state.ruleset is not None
    assert len(step.state.ruleset.flags) == 0


def test_return_to_earlier_content_is_applied() -> None:
    """Content that goes from A to B and back to A arrives as a new revision with A's digest."""
    state = State()
    for revision, value in ((1, True), (2, False), (3, True)):
        step = after(state, ok(snapshot({"flag": value}, revision=revision)))
        assert step.outcome is Outcome.APPLIED
        state = step.state
    assert revision_of(state) == 3


def test_other_environment_is_refused() -> None:
    """A cache that mixes up environments does not replace what is held."""
    step = after(holding(5), ok(snapshot(revision=9, environment="development")))
    assert (step.outcome, revision_of(step.state)) == (Outcome.FAILED, 5)
    assert step.state.problem is not None
    assert step.state.problem.cause == "other-environment"


def test_unchanged_snapshot_takes_over_compiled_flags() -> None:
    """A flag that did not change is taken over from the snapshot before."""
    before = after(State(), ok(snapshot({"a": True, "b": True}, revision=1))).state.ruleset
    assert before is not None
    now = after(State(before, Source.SERVER), ok(snapshot({"a": True, "b": False}, revision=2))).state.ruleset
    assert now is not None
    assert now.flags["a"] is before.flags["a"]
    assert now.flags["b"] is not before.flags["b"]


def test_304_confirms_what_is_held() -> None:
    """304 for the ETag that was sent keeps the state and ends a series of failures."""
    failing = after(holding(5), NoAnswer("network", "down")).state
    step = after(failing, Answer(304, {"etag": f'W/"{LINEAGE}.5"'}))
    assert (step.outcome, step.state.failures, step.state.problem) == (Outcome.UNCHANGED, 0, None)


@pytest.mark.parametrize("headers", [{}, {"etag": f'"{LINEAGE}.5"'}])
def test_304_may_lack_the_etag_or_its_weakness(headers: dict[str, str]) -> None:
    """A 304 without an ETag, or with the strong form of ours, answers what was sent."""
    assert after(holding(5), Answer(304, headers)).outcome is Outcome.UNCHANGED


def test_304_from_a_replica_that_lags_is_no_failure() -> None:
    """304 with an older revision of our lineage: the held one stays, and the next poll is conditional as before."""
    step = after(holding(5), Answer(304, {"etag": f'W/"{LINEAGE}.4"'}))
    assert (step.outcome, revision_of(step.state), step.wait) == (Outcome.OLDER, 5, 10.0)
    assert request_headers(step.state) == {"If-None-Match": f'W/"{LINEAGE}.5"'}


@pytest.mark.parametrize("named", ['"something"', f'W/"{LINEAGE}.6"', f'W/"{OTHER_LINEAGE}.4"'])
def test_304_for_another_etag_is_no_confirmation(named: str) -> None:
    """304 for an ETag that was not sent keeps what is held, and the next poll asks unconditionally."""
    step = after(holding(5), Answer(304, {"etag": named}))
    assert (step.outcome, revision_of(step.state)) == (Outcome.FAILED, 5)
    assert request_headers(step.state) == {}


def test_304_without_a_condition_is_no_snapshot() -> None:
    """304 to a client that holds nothing is a failure, not an empty answer."""
    step = after(State(), Answer(304, {}))
    assert (step.outcome, step.state.ruleset) == (Outcome.FAILED, None)


def test_304_for_an_etag_no_longer_held_is_ignored() -> None:
    """304 that answers an older request than the snapshot now held confirms nothing."""
    step = decide(holding(6), f'W/"{LINEAGE}.5"', Answer(304, {"etag": f'W/"{LINEAGE}.5"'}), PACE)
    assert (step.outcome, revision_of(step.state)) == (Outcome.FAILED, 6)


@pytest.mark.parametrize(
    ("came", "cause"),
    [
        (Answer(200, {"content-type": "text/html", "etag": '"x"'}, b"<html>sign in</html>"), "content-type"),
        (Answer(200, {"etag": '"x"'}, encoded(snapshot(revision=6))), "content-type"),
        (Answer(200, {"content-type": "application/json", "etag": '"x"'}, b""), "malformed"),
        (
            Answer(200, {"content-type": "application/json", "etag": '"x"'}, encoded(snapshot())[:-20]),
            "malformed",
        ),
        (Answer(200, {"content-type": "application/json", "etag": '"x"'}, b"[]"), "malformed"),
        (Answer(200, {"content-type": "application/json", "etag": '"x"'}, b'{"a": NaN}'), "malformed"),
        (Answer(200, {"content-type": "application/json", "etag": '"x"'}, b"\xff\xfe"), "malformed"),
        (
            Answer(200, {"content-type": "application/json", "etag": '"x"'}, b'{"a":' + b"[" * 100_000),
            "malformed",
        ),
        (Answer(200, {"content-type": "application/json", "etag": '"x"'}, b"{}"), "undecodable"),
        (ok({**snapshot(revision=6), "format": 99}, tag='"x"'), "undecodable"),
        (ok({**snapshot(revision=6), "digest": "0" * 64}, tag='"x"'), "digest"),
        (ok({**snapshot({"flag": False}, revision=6), "digest": snapshot()["digest"]}, tag='"x"'), "digest"),
        (
            Answer(200, {"content-type": "application/json", "etag": '"x"'}, encoded(snapshot()) + b"{}"),
            "malformed",
        ),
    ],
)
def test_bad_content_keeps_snapshot_and_etag(came: Answer, cause: str) -> None:
    """Whatever a 200 holds that is no snapshot, the last good one stays, and so does its ETag."""
    held = holding(5)
    step = after(held, came)
    assert step.outcome is Outcome.FAILED
    assert (step.state.ruleset, step.state.etag) == (held.ruleset, held.etag)
    assert step.state.problem is not None
    assert step.state.problem.cause == cause


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"]
)
def test_json_content_types_are_accepted(content_type: str) -> None:
    """JSON is JSON under any of its media types, parameters and case aside."""
    assert after(State(), ok(snapshot(), content_type=content_type)).outcome is Outcome.APPLIED


def test_digest_covers_the_bytes_that_were_sent() -> None:
    """A server that writes a number differently than Python would (1e16, 1e-7) is still verified."""
    body = encoded(signed(snapshot({"ratio": 0.5})))
    flag = body[body.index(b'"ratio":') + 8 : body.index(b',"format"') - 1]
    changed = flag.replace(b"0.5", b"1e16")
    document = {**snapshot({"ratio": 0.5}), "digest": _digest_of_line("flag", "ratio", changed)}
    answer = Answer(200, {"content-type": "application/json"}, encoded(document).replace(flag, changed))
    assert after(State(), answer).outcome is Outcome.APPLIED


def _digest_of_line(kind: str, key: str, item: bytes) -> str:
    import hashlib

    return hashlib.sha256(f"{kind} {key} {hashlib.sha256(item).hexdigest()}\n".encode()).hexdigest()


def test_insignificant_white_space_outside_items_is_allowed() -> None:
    """A document laid out by a person is read like any other."""
    text = (
        encoded(snapshot())
        .replace(b',"flags":{', b' ,\n "flags" : { ')
        .replace(b',"segments":{}', b', "segments" : { }')
    )
    assert (
        after(State(), Answer(200, {"content-type": "application/json"}, b"\n" + text + b"\n")).outcome
        is Outcome.APPLIED
    )


def test_missing_etag_makes_the_next_poll_unconditional() -> None:
    """Without an ETag there is nothing to be conditional about."""
    step = after(State(), Answer(200, {"content-type": "application/json"}, encoded(snapshot())))
    assert (step.outcome, request_headers(step.state)) == (Outcome.APPLIED, {})


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_fatal_at_the_start(status: int) -> None:
    """401 and 403 stop the polling while there is nothing to answer from."""
    step = after(State(), Answer(status, {}))
    assert (step.outcome, step.wait, step.state.refused) == (Outcome.REFUSED, None, True)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_not_fatal_once_there_is_data(status: int) -> None:
    """A key that is refused later (a rotation gone wrong) leaves the flags in force and the polling going."""
    step = after(holding(5), Answer(status, {}))
    assert (step.outcome, revision_of(step.state), step.state.refused) == (Outcome.FAILED, 5, False)
    assert step.wait is not None


def test_refused_key_is_forgotten_when_a_snapshot_comes() -> None:
    """A key that works after all ends the refusal."""
    refused = after(State(), Answer(401, {})).state
    step = after(refused, ok(snapshot()))
    assert (step.state.refused, step.state.problem) == (False, None)


@pytest.mark.parametrize("status", [204, 206, 301, 302, 307, 308, 400, 404, 410, 429, 500, 502, 503])
def test_other_statuses_keep_what_is_held(status: int) -> None:
    """No other status changes the flags or ends the polling, redirects included."""
    held = holding(5)
    step = after(held, Answer(status, {"location": "https://elsewhere.example"}))
    assert (step.outcome, step.state.ruleset, step.state.etag) == (Outcome.FAILED, held.ruleset, held.etag)
    assert step.wait is not None


def test_server_wins_over_a_bootstrap() -> None:
    """A bootstrap with a high revision, or of another environment, never keeps the server's snapshot out."""
    state = from_bootstrap(snapshot(revision=999, environment="development"))
    assert (state.source, request_headers(state)) == (Source.BOOTSTRAP, {})
    step = after(state, ok(snapshot(revision=2)))
    assert (step.outcome, revision_of(step.state), step.state.source) == (Outcome.APPLIED, 2, Source.SERVER)


def test_bootstrap_needs_no_digest() -> None:
    """A bootstrap is the caller's own file, edited or not: its digest is not held against it."""
    assert from_bootstrap({**snapshot(), "digest": ""}).ruleset is not None


def test_trouble_is_announced_when_it_begins_changes_and_ends() -> None:
    """An hour of the same failure is one warning and one note that it is over."""
    states = [holding(5)]
    said = []
    for came in (
        NoAnswer("network", "refused"),
        NoAnswer("network", "refused again"),
        Answer(500, {}),
        Answer(500, {}),
        Answer(304, {}),
        Answer(304, {}),
    ):
        states.append(after(states[-1], came).state)
        note = notice(states[-2], states[-1])
        said.append(None if note is None else note[0])
    assert said == [logging.WARNING, None, logging.WARNING, None, logging.INFO, None]


def test_fatal_refusal_is_announced_as_an_error() -> None:
    """A key that is refused at the start says what to do about it."""
    note = notice(State(), after(State(), Answer(403, {})).state)
    assert note is not None
    assert note[0] == logging.ERROR
    assert "server key" in note[1]


def test_lagging_replica_is_no_warning() -> None:
    """What a rolling deployment does all the time is logged at INFO."""
    held = holding(5)
    note = notice(held, after(held, ok(snapshot(revision=4))).state)
    assert note is not None
    assert note[0] == logging.INFO
