"""The publisher: tails the change log and holds the current snapshot of every environment, in this process.

An announcement (from this process's own commits, or over Redis) only wakes it; the log is the truth. It writes
nothing to the database. Every process runs one, and all of them arrive at the same bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from flagd.errors import DomainError
from flagd.infra.cache import Cache
from flagd.infra.db import Database, ReadTx
from flagd.snapshots import cache as shared
from flagd.snapshots import store
from flagd.snapshots.compile import assemble
from flagd.snapshots.model import Place, Snapshot

log = logging.getLogger(__name__)

AlsoOnTail = Callable[[], Awaitable[None]]


class Publisher:
    """Holds what is served, and keeps it up to date."""

    def __init__(self, database: Database, cache: Cache, interval: float) -> None:
        self._database = database
        self._cache = cache
        self._interval = interval
        self._woken = asyncio.Event()
        self._snapshots: dict[str, Snapshot] = {}
        self._also: list[AlsoOnTail] = []
        self.ready = False
        self.current = False

    def snapshot(self, environment_id: str) -> Snapshot | None:
        """What this environment answers with now; None for one that this process has not seen yet."""
        return self._snapshots.get(environment_id)

    def also(self, look: AlsoOnTail) -> None:
        """Has `look` done at each look at the log: other things in memory that follow the database."""
        self._also.append(look)

    def wake(self) -> None:
        """Has the log looked at now instead of at the end of the interval."""
        self._woken.set()

    async def refresh(self) -> None:
        """Looks at the log once and makes the snapshots of what moved."""
        async with self._database.read() as tx:
            heads = await store.heads(tx)
            fresh = [await self._next(tx, head) for head in heads if self._moved(head)]
        self._replace(heads, fresh)
        for snapshot in fresh:
            await shared.keep(self._cache, snapshot)
        for look in self._also:
            await look()
        self.ready = self.current = True

    async def run(self) -> None:
        """Follows the log for ever; a failing database leaves everything as it was, and is asked again."""
        while True:
            self._woken.clear()
            try:
                await self.refresh()
            except DomainError as error:
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

    def _moved(self, head: store.Head) -> bool:
        held = self._snapshots.get(head.place.environment_id)
        return held is None or held.revision != head.revision or held.place != head.place

    async def _next(self, tx: ReadTx, head: store.Head) -> Snapshot:
        held = self._snapshots.get(head.place.environment_id)
        if held is not None and held.revision.lineage == head.revision.lineage:
            changed = await store.changed_since(tx, head, held.revision.number)
            rows = await store.rows_of(tx, head, changed)
            return assemble(head.place, head.revision, rows, held if changed is not None else None)
        found = await shared.load(self._cache, head.place, head.revision)
        return found or assemble(head.place, head.revision, await store.rows_of(tx, head, None), None)

    def _replace(self, heads: list[store.Head], fresh: list[Snapshot]) -> None:
        living = {head.place.environment_id for head in heads}
        kept = {key: snapshot for key, snapshot in self._snapshots.items() if key in living}
        self._snapshots = kept | {snapshot.place.environment_id: snapshot for snapshot in fresh}
        for snapshot in fresh:
            place: Place = snapshot.place
            log.debug("%s/%s is at revision %d", place.project, place.environment, snapshot.revision.number)

    def _failed(self, error: DomainError) -> None:
        if self.current:
            log.warning("the change log cannot be read (%s); serving what is held", error.detail)
        self.current = False
