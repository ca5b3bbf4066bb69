"""Builds everything that has collaborators, once, and runs what works in the background.

The only place where objects are put together; nothing else looks for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from flagd.access.guard import admit
from flagd.access.keyring import KeyRing
from flagd.access.people.passwords import Passwords
from flagd.access.people.signin import SignIn
from flagd.evaluation.origins import ClientOrigins
from flagd.evaluation.rate import RateLimit
from flagd.flags.layers.service import refuse_reopening
from flagd.infra.cache import Cache, NoCache, RedisCache
from flagd.infra.clock import Clock, SystemClock
from flagd.infra.db import Database
from flagd.projects.guard import Guard
from flagd.projects.service import RefuseReopening
from flagd.settings import Settings
from flagd.snapshots.publisher import Publisher
from flagd_core import Host

log = logging.getLogger(__name__)

LAST_USED_SECONDS: Final = 15.0
"""How often the times keys were last used are written."""


@dataclass(frozen=True)
class Resources:
    """What the running application consists of; routes find it in the application's state."""

    settings: Settings
    secret: str
    clock: Clock
    database: Database
    cache: Cache
    keyring: KeyRing
    publisher: Publisher
    guard: Guard
    refuse_reopening: RefuseReopening
    sign_in: SignIn
    origins: ClientOrigins
    ofrep_rate: RateLimit | None


@asynccontextmanager
async def running(settings: Settings, secret: str) -> AsyncIterator[Resources]:
    """The resources with their background work going on, until the block ends."""
    resources = build(settings, secret)
    background = Background()
    announce_commits(resources, background)
    try:
        await resources.publisher.refresh()
        background.start("publisher", resources.publisher.run())
        background.start("announcements", resources.publisher.listen())
        background.start("last-used times", _write_last_used(resources))
        yield resources
    finally:
        await background.stop()
        await resources.keyring.flush_last_used(resources.database)
        await resources.cache.close()
        await resources.database.close()


def build(settings: Settings, secret: str) -> Resources:
    """Every object, connected to the others; nothing is started and nothing is reached yet."""
    clock = SystemClock()
    database = Database(settings.database)
    cache: Cache = RedisCache(settings.redis_url) if settings.redis_url else NoCache()
    keyring = KeyRing(clock)
    host = Host(clock=lambda: clock.now().timestamp())
    publisher = Publisher(database, cache, settings.tail_interval, host)
    publisher.also(lambda: keyring.refresh(database))
    origins = ClientOrigins()
    publisher.tell(origins.hear)
    return Resources(
        settings=settings,
        secret=secret,
        clock=clock,
        database=database,
        cache=cache,
        keyring=keyring,
        publisher=publisher,
        guard=admit,
        refuse_reopening=refuse_reopening,
        sign_in=SignIn(database, clock, Passwords()),
        origins=origins,
        ofrep_rate=RateLimit(settings.ofrep_rate, clock) if settings.ofrep_rate else None,
    )


def announce_commits(resources: Resources, background: Background) -> None:
    """Has each commit wake this process's publisher at once, and those of the others through the cache."""

    def committed() -> None:
        resources.publisher.wake()
        background.once(resources.cache.announce())

    resources.database.after_commit(committed)


async def _write_last_used(resources: Resources) -> None:
    while True:
        await asyncio.sleep(LAST_USED_SECONDS)
        await resources.keyring.flush_last_used(resources.database)


class Background:
    """Tasks beside the requests: those that go on until the end, and short ones that nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` until the end; should it fail, that is a defect, and it is logged as one."""
        self.once(work, name)

    def once(self, work: Coroutine[Any, Any, None], name: str = "announcement") -> None:
        """Runs `work` to its end."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def stop(self) -> None:
        """Ends what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the background task %r ended with an error", task.get_name(), exc_info=error)
