"""Transactions. The only module that opens, commits or rolls back; no capability's rule lives here.

Reading and writing are different types, so that a read that writes fails in the type checker.
The edge (a route, a background task, a command) opens the transaction; services are handed it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, CursorResult, Executable, Result, RowMapping, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from flagd.errors import Unavailable

log = logging.getLogger(__name__)

SQLITE_BUSY_SECONDS: Final = 15
POOL_SIZE: Final = 10
POOL_OVERFLOW: Final = 10
POOL_WAIT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 5

STATEMENT_SECONDS: Final = 20
LOCK_SECONDS: Final = 10
IDLE_IN_TRANSACTION_SECONDS: Final = 60
SILENCE_SECONDS: Final = 15
"""How long PostgreSQL may take, and how long its network may say nothing, before a call fails."""

NOTHING_WRITTEN: Final = "the database did not answer; nothing was written"
OUTCOME_UNKNOWN: Final = "the database did not confirm; look whether the change is there before you repeat it"

AfterCommit = Callable[[], None]
"""Told that a transaction committed something others follow; must not raise or block."""


class ReadTx:
    """A transaction that reads one consistent state of the database."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self._connection.dialect.name

    @property
    def server_version(self) -> tuple[int, ...]:
        """The release of the database, such as (18, 6)."""
        known = self._connection.dialect.server_version_info or ()
        return tuple(part for part in known if isinstance(part, int))

    async def _execute(self, statement: Executable) -> Result[Any]:
        return await self._connection.execute(statement)

    async def all(self, statement: Executable) -> Sequence[RowMapping]:
        """Every row."""
        return (await self._execute(statement)).mappings().all()

    async def first(self, statement: Executable) -> RowMapping | None:
        """The first row, or None."""
        return (await self._execute(statement)).mappings().first()

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self._execute(statement)).scalar()


class WriteTx(ReadTx):
    """A transaction that may write; committed by whoever opened it, or not at all."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.announced = False

    async def run(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> int:
        """Executes a statement (once for each of `rows`, where given); returns how many rows it affected."""
        result = await self._connection.execute(statement, rows) if rows else await self._execute(statement)
        return result.rowcount if isinstance(result, CursorResult) else 0

    def announce(self) -> None:
        """Has everybody who follows the database look at it once this is committed."""
        self.announced = True


class Database:
    """One database, PostgreSQL or SQLite, and its connection pool."""

    def __init__(self, url: str) -> None:
        self.url = driver_url(url)
        self._engine = _engine(self.url)
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        # SQLite has one writer at a time; queueing here is fair and cheaper than its busy-wait.
        self._writer = asyncio.Lock() if self._is_sqlite else None
        self._after_commit: list[AfterCommit] = []

    def after_commit(self, callback: AfterCommit) -> None:
        """Has `callback` called after each commit that announced something."""
        self._after_commit.append(callback)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadTx]:
        """A transaction in which every statement sees the same state."""
        options = (
            {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        async with self._connected() as connection:
            if options:
                await connection.execution_options(**options)
            async with connection.begin():
                yield ReadTx(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteTx]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        attempt = _Attempt()
        async with self._writer or nullcontext(), self._connected(attempt) as connection:
            if self._is_sqlite:
                await connection.execution_options(flagd_begin="BEGIN IMMEDIATE")
            async with connection.begin():
                tx = WriteTx(connection)
                yield tx
                attempt.failure = OUTCOME_UNKNOWN  # what fails from here on fails in the commit
        if tx.announced:
            for callback in self._after_commit:
                callback()

    @asynccontextmanager
    async def _connected(self, attempt: _Attempt | None = None) -> AsyncIterator[AsyncConnection]:
        attempt = attempt or _Attempt()
        try:
            async with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            if not _is_outage(error):
                raise
            log.warning("database unavailable: %s", _first_line(error))
            raise Unavailable(attempt.failure) from error
        except (InterfaceError, PoolTimeout, TimeoutError) as error:
            log.warning("database unavailable: %s", _first_line(error))
            raise Unavailable(attempt.failure) from error

    async def run_sync(self, work: Callable[[Connection], Any]) -> Any:
        """Runs synchronous SQLAlchemy code (a schema inspection) on a connection of its own."""
        async with self._connected() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Gives back every connection."""
        await self._engine.dispose()


@dataclass(slots=True)
class _Attempt:
    """What to tell whoever asked, should the database fail now."""

    failure: str = NOTHING_WRITTEN


def _is_outage(error: DatabaseError) -> bool:
    """Whether the database itself failed, and not what was asked of it. SQLite has no class for a broken file."""
    return isinstance(error, OperationalError) or type(error) is DatabaseError


def driver_url(url: str) -> URL:
    """The address with the driver this program uses, whatever driver it names or leaves out."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return parsed.set(drivername="sqlite+aiosqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise ValueError(f"unknown database {backend!r}: use postgresql://... or sqlite:///path")


def to_json(value: object) -> str:
    """JSON text as stored; refuses what JSON cannot hold."""
    return orjson.dumps(value).decode()


def _engine(url: URL) -> AsyncEngine:
    common: dict[str, Any] = {"json_serializer": to_json, "json_deserializer": orjson.loads}
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url,
            **common,
            connect_args={"timeout": SQLITE_BUSY_SECONDS},
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
        )
        event.listen(engine.sync_engine, "connect", _sqlite_connect)
        event.listen(engine.sync_engine, "begin", _sqlite_begin)
        return engine
    return create_async_engine(
        url,
        **common,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args=_postgres_limits(),
    )


def _postgres_limits() -> dict[str, Any]:
    limits = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS,
    }
    return {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": SILENCE_SECONDS // 3,
        "keepalives_interval": SILENCE_SECONDS // 3,
        "keepalives_count": 2,
        "tcp_user_timeout": SILENCE_SECONDS * 1000,
        "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items()),
    }


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # this module says BEGIN itself
    cursor = connection.cursor()
    # WAL lets readers go on during a write; FULL makes an acknowledged write survive a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # SQLite's own lower() knows ASCII alone; a search must find names in every script.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


def _sqlite_begin(connection: Connection) -> None:
    # A writer takes the lock at once: an upgrade in mid-transaction could not wait for it.
    connection.exec_driver_sql(connection.get_execution_options().get("flagd_begin", "BEGIN"))


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
