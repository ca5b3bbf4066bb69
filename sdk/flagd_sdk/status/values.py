"""How a client is doing, and what may change about it: plain values."""

from __future__ import annotations

from typing import NamedTuple


class Status(NamedTuple):
    """How a client is doing.

    state     NOT_READY (nothing to answer from yet), READY, STALE (answers, but the last poll went wrong),
              FATAL (the key was refused before there was anything to answer from; polling has stopped) or CLOSED
    source    where the snapshot came from: none, bootstrap or server
    age       seconds since the server last confirmed what is held; None if it has not in this process
    failures  polls in a row that went wrong;  problem: what is wrong with the last one
    """

    state: str
    source: str = "none"
    project: str | None = None
    environment: str | None = None
    lineage: str | None = None
    revision: int | None = None
    age: float | None = None
    failures: int = 0
    problem: str | None = None


class Change(NamedTuple):
    """What is different since the last time.

    flags   keys of the flags that were added, removed, or may answer differently now; empty when only the state changed
    before  the status until now;  after: the status from now on
    """

    flags: frozenset[str]
    before: Status
    after: Status
