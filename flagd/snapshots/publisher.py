"""The publisher: tails the change log and holds the current snapshot of every environment, in this process.

An announcement (from this process's own commits, or over Redis) only wakes it; the log is the truth. It writes
nothing to the database. Every process runs one, and all of them arrive at the same bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from flagd.errors import DomainError
from flagd.infra.cache import Cache
from flagd.infra.db import Database, ReadTx
from flagd.projects.model import Environment
from flagd.snapshots import cache as shared
from flagd.snapshots import store
from flagd.snapshots.compile import assemble
from flagd.snapshots.model import Snapshot
from flagd.snapshots.store import Head
from flagd_core import Host
from flagd_core.host import BARE

log = logging.getLogger(__name__)

AlsoOnTail = Callable[[], Awaitable[None]]
OnEnvironments = Callable[[Sequence[Environment]], None]

LOOK_SECONDS: Final = 20
"""How long one look may take before the database counts as away; a whole environment is read in less than one."""

UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError)
"""What a row that this release cannot read makes the reading raise."""


class Publisher:
    """Holds what is served, and keeps it up to date."""

    def __init__(self, database: Database, cache: Cache, interval: float, host: Host = BARE) -> None:
        self._database = database
        self._cache = cache
        self._interval = interval
        self._host = host
        self._woken = asyncio.Event()
        self._snapshots: dict[str, Snapshot] = {}
        self._also: list[AlsoOnTail] = []
        self._told: list[OnEnvironments] = []
        self._looking = asyncio.Lock()
        self.ready = False
        self.current = False

    def snapshot(self, environment_id: str) -> Snapshot | None:
        """What this environment answers with now; None for one that this process has not seen yet."""
        return self._snapshots.get(environment_id)

    def also(self, look: AlsoOnTail) -> None:
        """Has `look` done at each look at the log: other things in memory that follow the database."""
        self._also.append(look)

    def tell(self, hear: OnEnvironments) -> None:
        """Has `hear` told of every environment, archived ones included, as each look finds them."""
        self._told.append(hear)

    def wake(self) -> None:
        """Has the log looked at now instead of at the end of the interval."""
        self._woken.set()

    async def refresh(self) -> None:
        """Looks at the log once and makes the snapshots of what moved."""
        # One at a time, so that a slow look cannot put back what a later one replaced.
        async with self._looking:
            # Credentials come first: a revoked key must not live on because a snapshot cannot be made.
            for look in self._also:
                await look()
            async with self._database.read() as tx:
                heads = await store.heads(tx)
            for hear in self._told:
                hear([head.environment for head in heads])
            await self._catch_up([head for head in heads if self._moved(head)])
            self.ready = self.current = True

    async def run(self) -> None:
        """Follows the log for ever; a failing database leaves everything as it was, and is asked again."""
        while True:
            self._woken.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.refresh()
            except (DomainError, TimeoutError) as error:
                self._failed(error)
            except Exception:
                # A defect in one look must not end all further ones; it is logged as what it is.
                self.current = False
                log.exception("a look at the change log failed; serving what is held")
            try:
                async with asyncio.timeout(self._interval):
                    await self._woken.wait()
            except TimeoutError:
                pass  # the end of the interval is the other reason to look

    async def listen(self) -> None:
        """Is woken by the announcements of other processes."""
        async for _ in self._cache.listen():
            self.wake()

    def _moved(self, head: Head) -> bool:
        held = self._snapshots.get(head.place.environment_id)
        return held is None or held.revision != head.revision or held.place != head.place

    async def _catch_up(self, behind: Sequence[Head]) -> None:
        for head in behind:
            await self._take_from_cache(head)
        if any(self._moved(head) for head in behind):
            await self._compile()

    async def _take_from_cache(self, head: Head) -> None:
        """Takes what another process compiled, for an environment of which nothing is held yet."""
        if head.place.environment_id not in self._snapshots:
            found = await shared.load(self._cache, head.place, head.revision)
            if found is not None:
                self._snapshots[head.place.environment_id] = replace(found, host=self._host)

    async def _compile(self) -> None:
        """Makes the snapshots of everything that moved, in one state of the database, and shares them."""
        async with self._database.read() as tx:
            moved = [head for head in await store.heads(tx) if self._moved(head)]
            made = [
                replace(snapshot, host=self._host)
                for head in moved
                if (snapshot := await self._next(tx, head)) is not None
            ]
        self._snapshots |= {snapshot.place.environment_id: snapshot for snapshot in made}
        for snapshot in made:
            await shared.keep(self._cache, snapshot)

    async def _next(self, tx: ReadTx, head: Head) -> Snapshot | None:
        held = self._snapshots.get(head.place.environment_id)
        try:
            if held is None or not self._follows(head, held):
                return assemble(head.place, head.revision, await store.rows_of(tx, head, None), None)
            changed = await store.changed_since(tx, head, held.revision.number)
            rows = await store.rows_of(tx, head, changed)
            return assemble(head.place, head.revision, rows, held if changed is not None else None)
        except UNREADABLE:
            place = head.place
            log.exception("%s/%s cannot be read; it stays as it was", place.project, place.environment)
            return None

    def _follows(self, head: Head, held: Snapshot) -> bool:
        """Whether the log leads from what is held to where the environment stands."""
        if held.revision.lineage != head.revision.lineage:
            return False
        if held.revision.number > head.revision.number:
            log.error(
                "%s/%s went back from revision %d to %d: a restored database needs `flagd admin new-lineage`",
                head.place.project,
                head.place.environment,
                held.revision.number,
                head.revision.number,
            )
        return held.revision.number < head.revision.number

    def _failed(self, error: Exception) -> None:
        if self.current or not self.ready:
            # The text, since an error is true whatever it says; that of a look which took too long says nothing.
            reason = str(error) or "it takes too long"
            log.warning("the change log cannot be read (%s); serving what is held", reason)
        self.current = False
