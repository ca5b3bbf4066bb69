"""The process that owns what a whole test run shares, and takes it away when the last test process is gone.

    python -m tests.services.keeper FOLDER

Test processes (pytest itself, or each pytest-xdist worker) connect to a socket in FOLDER and keep the connection
open; a kernel closes it however they end. Each line is the name of a service, each answer one line of JSON:
{"value": {...}} or {"error": "..."}. Nothing is started before it is asked for.

    postgres   {"admin": url of the server, "template": name of its migrated database}
    sqlite     {"template": path of a migrated file}
    redis      {"url": ..., "shared": false}; one server for each connection: pub/sub crosses database numbers
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from flagd.infra.migrate import upgrade
from tests.services.postgres import Postgres, create_database, drop_database
from tests.services.shared import LOCK_NAME, SOCKET_NAME
from tests.services.valkey import Valkey

DATABASE_VARIABLE: Final = "FLAGD_TEST_DATABASE_URL"
REDIS_VARIABLE: Final = "FLAGD_TEST_REDIS_URL"
FIRST_CONNECTION_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 1.0

Answer = dict[str, str | bool]


class Keeper:
    """Starts services on demand and stops every one of them in `close`."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._undo = contextlib.ExitStack()
        self._one_at_a_time = asyncio.Lock()
        self._shared: dict[str, Answer | Exception] = {}
        self._started = 0

    async def answer(self, service: str, connection: contextlib.ExitStack) -> Answer:
        """What a test process needs to know of a service; `connection` ends what only that process uses."""
        if service == "redis":
            return self._redis(connection)
        makers = {"postgres": self._postgres, "sqlite": self._sqlite}
        async with self._one_at_a_time:
            if service not in self._shared:
                self._shared[service] = await _outcome(makers[service]())
        outcome = self._shared[service]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self._undo.close()

    async def _postgres(self) -> Answer:
        admin = os.environ.get(DATABASE_VARIABLE) or self._own_postgres()
        template = f"flagd_template_{os.getpid()}"
        self._undo.callback(drop_database, admin, template)
        await upgrade(create_database(admin, template))
        return {"admin": admin, "template": template}

    def _own_postgres(self) -> str:
        server = Postgres(self._data / "postgres")
        self._undo.callback(server.stop)
        server.start()
        return server.url()

    async def _sqlite(self) -> Answer:
        template = self._data / "template.db"
        await upgrade(f"sqlite:///{template}")
        return {"template": str(template)}

    def _redis(self, connection: contextlib.ExitStack) -> Answer:
        given = os.environ.get(REDIS_VARIABLE)
        if given:
            return {"url": given, "shared": True}
        self._started += 1
        server = Valkey(self._data / f"valkey-{self._started}")
        server.start()
        connection.callback(server.kill)
        return {"url": server.url, "shared": False}


async def _outcome(work: Awaitable[Answer]) -> Answer | Exception:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - told to each test that asks; a second try would fail in another way
        return error


class Doorkeeper:
    """Counts the test processes that are connected; `gone` is set when the last one left or none ever came."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._connected = 0
        self._end: asyncio.TimerHandle | None = None
        self.gone = asyncio.Event()
        self._end_after(FIRST_CONNECTION_SECONDS)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one test process until it disconnects."""
        self._connected += 1
        self._end_after(None)
        try:
            with contextlib.ExitStack() as connection:
                while line := await reader.readline():
                    writer.write(await self._answer(line.decode().strip(), connection))
                    await writer.drain()
        except ConnectionError:
            pass  # the same as leaving in order: the test process is gone
        finally:
            writer.close()
            self._connected -= 1
            if not self._connected:
                self._end_after(GRACE_SECONDS)

    async def _answer(self, service: str, connection: contextlib.ExitStack) -> bytes:
        # Starting a server blocks this loop on purpose: a child is tied to the thread that started it.
        try:
            answer: dict[str, object] = {"value": await self._keeper.answer(service, connection)}
        except Exception:  # noqa: BLE001 - told to the test that asked, which fails with it
            answer = {"error": traceback.format_exc()}
        return json.dumps(answer).encode() + b"\n"

    def _end_after(self, seconds: float | None) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = None
        if seconds is not None:
            self._end = asyncio.get_running_loop().call_later(seconds, self.gone.set)


async def keep(folder: Path, keeper: Keeper) -> None:
    """Serves until the last test process is gone, then takes the socket away so that nobody else comes."""
    door = Doorkeeper(keeper)
    server = await asyncio.start_unix_server(door.serve, path=folder / SOCKET_NAME)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, door.gone.set)
    await door.gone.wait()
    (folder / SOCKET_NAME).unlink(missing_ok=True)
    server.close()


def main(folder: Path) -> None:
    data = Path(tempfile.mkdtemp(prefix="data-", dir=folder))
    data.chmod(0o711)  # the database server runs as another user and passes through
    keeper = Keeper(data)
    try:
        asyncio.run(keep(folder, keeper))
    finally:
        keeper.close()
        shutil.rmtree(data, ignore_errors=True)
        _leave(folder)


def _leave(folder: Path) -> None:
    """Removes the folder, unless a test process that came late is starting another keeper in it."""
    with (folder / LOCK_NAME).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / SOCKET_NAME).exists():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
