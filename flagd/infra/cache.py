"""The shared cache: Redis where it is configured, nothing where it is not. Never truth.

Every use has a stated behaviour when Redis is slow, full or gone: a read finds nothing, a write is dropped, an
announcement is not heard (the log is tailed all the same). The state is visible in `healthy` and logged on change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL_SECONDS: Final = 0.5
"""How long any call may take before it counts as failed."""

LISTEN_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 1.0

FAILURES: Final = (RedisError, OSError, TimeoutError)


class Cache(Protocol):
    """Bytes by key, and short announcements to every process that listens."""

    @property
    def healthy(self) -> bool:
        """Whether the last call went well."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The bytes, or None where there are none or the cache does not answer."""
        ...

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        """Keeps the bytes for a time, if the cache answers."""
        ...

    async def announce(self) -> None:
        """Wakes whoever listens, if the cache answers."""
        ...

    def listen(self) -> AsyncIterator[None]:
        """Announcements as they come, reconnecting for ever; some may be missed."""
        ...

    async def close(self) -> None:
        """Gives back the connections."""
        ...


class NoCache:
    """The embedded default: one process, whose memory is the cache."""

    healthy = True

    async def get(self, key: str) -> bytes | None:
        """Nothing is ever found."""
        return None

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        """Nothing is kept."""

    async def announce(self) -> None:
        """Nobody else listens."""

    async def listen(self) -> AsyncIterator[None]:
        """No announcement ever comes."""
        return
        yield  # makes this an iterator

    async def close(self) -> None:
        """Nothing is held."""


class RedisCache:
    """Redis, or what speaks its protocol, behind a time limit on each call."""

    def __init__(self, url: str, prefix: str = "flagd:") -> None:
        self._redis = Redis.from_url(
            url, socket_connect_timeout=CALL_SECONDS, socket_timeout=CALL_SECONDS, health_check_interval=15
        )
        self._prefix = prefix
        self._channel = f"{prefix}changes"
        self._pause_until = 0.0
        self.healthy = True

    async def get(self, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        found = await self._try(lambda: self._redis.get(self._prefix + key))
        return found.encode() if isinstance(found, str) else found

    async def put(self, key: str, value: bytes, seconds: int) -> None:
        """Keeps the bytes under `key` for `seconds`."""
        await self._try(lambda: self._redis.set(self._prefix + key, value, ex=seconds))

    async def announce(self) -> None:
        """Publishes to the channel that every process of this installation listens on."""
        await self._try(lambda: self._redis.publish(self._channel, b""))

    async def listen(self) -> AsyncIterator[None]:
        """Announcements as they come; one on every (re)connection too, since some may have been missed."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self._channel)
                    self._answered()
                    yield
                    while True:
                        message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                        if message is not None:
                            yield
            except FAILURES as error:
                self._noted(error)
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _try(self, call: Callable[[], Awaitable[T]]) -> T | None:
        if asyncio.get_running_loop().time() < self._pause_until:
            return None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await call()
        except FAILURES as error:
            self._noted(error)
            return None
        self._answered()
        return answer

    def _answered(self) -> None:
        self._pause_until = 0.0
        if not self.healthy:
            log.warning("redis answers again")
            self.healthy = True

    def _noted(self, error: Exception) -> None:
        # Without a pause, everything that would use a hanging Redis would wait for it in turn.
        self._pause_until = asyncio.get_running_loop().time() + RETRY_SECONDS
        if self.healthy:
            log.warning("redis does not answer (%s); going on without it", type(error).__name__)
            self.healthy = False
