"""Runs an ASGI application's start-up and shut-down around a test, as a server would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    """Start-up on entry, shut-down on exit; both in one task, which task groups inside the application rely on."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope: Message = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}

    async def run() -> None:
        try:
            await app(scope, to_app.get, from_app.put)
        except BaseException as error:
            await from_app.put({"type": "lifespan.raised", "error": error})
            raise

    async def step(name: str) -> None:
        await to_app.put({"type": f"lifespan.{name}"})
        answer = await from_app.get()
        if answer["type"] == "lifespan.raised":
            raise answer["error"]
        if answer["type"] != f"lifespan.{name}.complete":
            raise RuntimeError(f"{name} failed: {answer.get('message', answer)}")

    task = asyncio.create_task(run(), name="lifespan")
    try:
        await step("startup")
        yield
        await step("shutdown")
    finally:
        # Done already unless something above failed; what it raised was told to step().
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
