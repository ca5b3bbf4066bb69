"""Alembic's environment: one connection, one migrator at a time, nothing half done.

On PostgreSQL each migration is its own transaction; on SQLite all of them are one, which is also what makes the
second migrator wait.

`flagd migrate` hands the database's address over in the configuration's attributes; the `alembic` command,
which only makers of migrations need, takes it as `-x url=...`.
"""

from __future__ import annotations

from typing import Any, Final

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event, pool, text
from sqlalchemy.engine import URL

import flagd.access.tables
import flagd.flags.layers.tables
import flagd.flags.tables
import flagd.projects.tables  # noqa: F401  (importing them defines the tables on the metadata)
from flagd.infra.db import driver_url
from flagd.infra.tables import metadata

MIGRATOR_LOCK: Final = 0x666C616764  # "flagd": the PostgreSQL advisory lock that migrators take
LOCK_TIMEOUT: Final = (
    "10s"  # waiting longer for a table in use would queue everybody else behind the migration
)
SQLITE_BUSY_SECONDS: Final = 15


def database_url() -> URL:
    """The database meant, with a synchronous driver."""
    given = context.config.attributes.get("url")
    url: URL = given if given is not None else driver_url(context.get_x_argument(as_dictionary=True)["url"])
    return url.set(drivername="sqlite") if url.get_backend_name() == "sqlite" else url


def run() -> None:
    """Connects, waits for other migrators, and brings the schema forward."""
    url = database_url()
    if url.get_backend_name() == "sqlite":
        # All of it in one transaction, the version's own table too: whoever is killed leaves nothing behind.
        with sqlite_engine(url).begin() as connection:
            migrate(connection)
        return
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATOR_LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()  # the migrations' own transactions begin here; the advisory lock stays
        migrate(connection)


def sqlite_engine(url: URL) -> Engine:
    """An engine whose transactions hold what defines tables, too, and take the one writer's lock at once."""
    engine = create_engine(url, poolclass=pool.NullPool, connect_args={"timeout": SQLITE_BUSY_SECONDS})
    event.listen(engine, "connect", leave_transactions_alone)
    event.listen(engine, "begin", begin_immediate)
    return engine


def leave_transactions_alone(connection: Any, _record: object) -> None:
    """Keeps the driver from beginning transactions by itself: it begins none before DDL."""
    connection.isolation_level = None


def begin_immediate(connection: Connection) -> None:
    """Begins for writing, so that another migrator waits here and then finds nothing to do."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def migrate(connection: Connection) -> None:
    """Runs the migrations on the connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        transaction_per_migration=True,
        transactional_ddl=True,  # on SQLite too, whatever Alembic supposes
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


run()
