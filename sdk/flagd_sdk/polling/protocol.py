"""The polling protocol: what one answer of the server means for the snapshot held. Pure: no I/O, no clock, no chance.

`decide` takes the state, what came back, and the two facts it may not fetch itself (the time, a random number), and
returns the next state with the delay until the next poll. Sockets, threads and sleeping are other modules' business.

The rules:
- a snapshot of another lineage is taken, an older revision of the same lineage never; a server wins over a bootstrap;
- the ETag advances only with a snapshot that is in force, and a 304 counts only for the ETag that was sent;
- whatever goes wrong, the last good snapshot stays, and a snapshot without flags is a snapshot;
- 401 and 403 end the polling only while there is nothing to answer from;
- jitter only shortens a delay, except one the server asked for (Retry-After), which it only lengthens.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from flagd_core import DecodeError, Host, Ruleset, load
from flagd_core.host import BARE
from flagd_sdk.polling.document import NO_ITEMS, Items, read
from flagd_sdk.polling.pacing import Pace, backoff, regular, retry_after

OLDER_REVISION = "older-revision"
_LONGEST = 300
_ETAG = re.compile(r'(?:W/)?"(?P<lineage>[^"]+)\.(?P<revision>[0-9]{1,18})"')
_HINTS = {
    401: "the server does not accept this key",
    403: "this key may not read snapshots; a server key of the environment is needed",
    404: "there is no snapshot at this address; check the url",
    429: "the server asks for fewer requests",
}


class Source(Enum):
    """Where the held snapshot came from."""

    NONE = "none"
    BOOTSTRAP = "bootstrap"
    SERVER = "server"


class Outcome(Enum):
    """What a poll did. The first three mean that the server vouched for what is now held, or is behind it."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    OLDER = "older"
    FAILED = "failed"
    REFUSED = "refused"


class Answer(NamedTuple):
    """An HTTP response, whole: header names in lower case, body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class NoAnswer(NamedTuple):
    """Why there is no response: a stable cause for grouping, a text for people."""

    cause: str
    detail: str


class State(NamedTuple):
    """All that is remembered between polls; immutable, so a forked child may go on from it."""

    ruleset: Ruleset | None = None
    source: Source = Source.NONE
    etag: str | None = None
    failures: int = 0
    refused: bool = False
    problem: NoAnswer | None = None
    host: Host = BARE
    """What every ruleset of this client is lent."""
    items: Items = NO_ITEMS
    """What the ruleset was read from, to read the next one faster."""
    confirmed: float | None = None
    """When the server last confirmed what is held, by the clock of whoever polls; None: not in this process."""


class Step(NamedTuple):
    """The state after an answer, what happened, and the seconds until the next poll (None: stop polling)."""

    state: State
    outcome: Outcome
    wait: float | None


def from_bootstrap(document: Mapping[str, object], host: Host = BARE) -> State:
    """The state before the first poll of a client that starts from a document. DecodeError if it is no snapshot.

    Its digest is not checked: it is the caller's own file, which may have been formatted or edited.
    """
    return State(ruleset=load(document, None, host), source=Source.BOOTSTRAP, host=host)


def request_headers(state: State) -> dict[str, str]:
    """The headers of the next poll that depend on what is held."""
    return {} if state.etag is None else {"If-None-Match": state.etag}


def decide(state: State, sent_etag: str | None, came: Answer | NoAnswer, pace: Pace) -> Step:
    """The consequence of one poll. `sent_etag` is the If-None-Match the request carried, None if it had none."""
    if isinstance(came, NoAnswer):
        return _failed(state, came, pace, None)
    if came.status == 200:
        return _snapshot(state, came, pace)
    if came.status == 304:
        return _not_modified(state, sent_etag, came, pace)
    problem = NoAnswer(f"status-{came.status}", _status_text(came.status))
    if came.status in (401, 403):
        return _refused(state, problem, pace)
    return _failed(state, problem, pace, came.headers)


def _snapshot(state: State, came: Answer, pace: Pace) -> Step:
    try:
        offered, items = _decode(came, state)
    except _Rejected as rejected:
        return _failed(state, NoAnswer(rejected.cause, rejected.detail), pace, None)
    held = state.ruleset if state.source is Source.SERVER else None
    if held is not None and held.lineage == offered.lineage:
        if (held.project, held.environment) != (offered.project, offered.environment):
            detail = f"a snapshot of {offered.project}/{offered.environment} came for {held.project}/{held.environment}"
            return _failed(state, NoAnswer("other-environment", detail), pace, None)
        if offered.revision < held.revision:
            return _older(state, offered.revision, held.revision, pace)
        if offered.revision == held.revision and offered.digest == held.digest:
            return Step(_healthy(state._replace(etag=_etag(came))), Outcome.UNCHANGED, regular(pace))
    taken = State(ruleset=offered, source=Source.SERVER, etag=_etag(came), host=state.host, items=items)
    return Step(taken, Outcome.APPLIED, regular(pace))


def _not_modified(state: State, sent_etag: str | None, came: Answer, pace: Pace) -> Step:
    """A 304 confirms only the ETag that was sent and is still held.

    One that names an older revision of what is held comes from a replica that lags: keep, and stay conditional. Any
    other one is nonsense (a broken cache), and the next poll goes without If-None-Match to get past it.
    """
    named = _etag(came) or sent_etag
    if sent_etag is not None and sent_etag == state.etag:
        if _opaque(named) == _opaque(sent_etag):
            return Step(_healthy(state), Outcome.UNCHANGED, regular(pace))
        lagging = _revision_named(named, state.ruleset)
        if state.ruleset is not None and lagging is not None and lagging < state.ruleset.revision:
            return _older(state, lagging, state.ruleset.revision, pace)
    problem = NoAnswer("wrong-304", "304 Not Modified for something other than the snapshot held")
    return _failed(state._replace(etag=None), problem, pace, None)


def _older(state: State, offered: int, held: int, pace: Pace) -> Step:
    """The server answers, with less than is held: not a failure to back off from, but worth saying."""
    problem = NoAnswer(OLDER_REVISION, f"the server offers revision {offered}, {held} is held and stays")
    return Step(_healthy(state)._replace(problem=problem), Outcome.OLDER, regular(pace))


def _refused(state: State, problem: NoAnswer, pace: Pace) -> Step:
    if state.ruleset is not None:
        return _failed(state, problem, pace, None)
    after = state._replace(refused=True, failures=state.failures + 1, problem=problem)
    return Step(after, Outcome.REFUSED, None)


def _failed(state: State, problem: NoAnswer, pace: Pace, headers: Mapping[str, str] | None) -> Step:
    after = state._replace(failures=state.failures + 1, refused=False, problem=problem)
    asked = None if headers is None else retry_after(headers, pace.now)
    return Step(after, Outcome.FAILED, backoff(pace, after.failures, after.ruleset is not None, asked))


def _healthy(state: State) -> State:
    return state._replace(failures=0, refused=False, problem=None)


def _etag(came: Answer) -> str | None:
    return came.headers.get("etag") or None


def _revision_named(etag: str | None, held: Ruleset | None) -> int | None:
    """The revision in an ETag of the held lineage (`W/"<lineage>.<revision>"`); None for any other text."""
    named = _ETAG.fullmatch(etag or "")
    if named is None or held is None or named["lineage"] != held.lineage:
        return None
    return int(named["revision"])


def _opaque(etag: str | None) -> str | None:
    """An ETag without its weakness mark: If-None-Match compares weakly, and proxies weaken what they compress."""
    return etag[2:] if etag is not None and etag.startswith("W/") else etag


def tells_apart(before: State, after: State) -> bool:
    """Whether anything is different but the time, and what means something to nobody but the next poll."""
    return _worth_telling(before) != _worth_telling(after)


def _worth_telling(state: State) -> State:
    return state._replace(etag=None, items=NO_ITEMS, confirmed=None)


def changed_flags(before: Ruleset | None, after: Ruleset | None) -> frozenset[str]:
    """Keys of the flags that are new, gone, or not the same any more, by themselves or by what they refer to."""
    if before is after:
        return frozenset()
    old = {} if before is None else before.flags
    new = {} if after is None else after.flags
    # What did not change is taken over from one ruleset to the next.
    return frozenset(key for key in old.keys() | new.keys() if old.get(key) is not new.get(key))


def notice(before: State, after: State) -> tuple[int, str] | None:
    """The log level and text a transition deserves: once when a trouble begins or changes, once when it ends."""
    if after.problem is None:
        return None if before.problem is None else (logging.INFO, "polling works again")
    if before.problem is not None and before.problem.cause == after.problem.cause:
        return None
    if after.refused:
        return (
            logging.ERROR,
            f"{after.problem.detail}; polling has stopped, evaluations answer their defaults",
        )
    if after.problem.cause == OLDER_REVISION:
        return logging.INFO, after.problem.detail
    kept = (
        "the last good snapshot stays" if after.ruleset is not None else "evaluations answer their defaults"
    )
    return logging.WARNING, f"poll failed: {after.problem.detail}; {kept}, polling goes on"


def _status_text(status: int) -> str:
    if status in _HINTS:
        return f"HTTP {status}: {_HINTS[status]}"
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed, they could carry the key elsewhere; configure the final url"
    return f"HTTP {status}"


class _Rejected(Exception):
    """A 200 whose content is not a snapshot."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


def _decode(came: Answer, state: State) -> tuple[Ruleset, Items]:
    content_type = came.headers.get("content-type", "")
    if not _is_json(content_type):
        raise _Rejected("content-type", f"the answer is not JSON: its Content-Type is {content_type[:80]!r}")
    try:
        document, digest, items = read(came.body, state.items)
    except (ValueError, RecursionError) as error:
        raise _Rejected(
            "malformed", f"the snapshot is not one complete JSON object: {error}"[:_LONGEST]
        ) from None
    try:
        ruleset = load(document, state.ruleset, state.host)
    except DecodeError as error:
        raise _Rejected("undecodable", f"the snapshot is refused at {error}"[:_LONGEST]) from None
    if ruleset.digest != digest:
        raise _Rejected("digest", "the content of the snapshot does not match its digest")
    return ruleset, items


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
