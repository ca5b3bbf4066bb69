"""Alembic's environment: one connection, one migrator at a time, each migration in its own transaction.

`flagd migrate` hands the database's address over in the configuration's attributes; the `alembic` command,
which only makers of migrations need, takes it as `-x url=...`.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.engine import URL

import flagd.access.tables
import flagd.flags.tables
import flagd.projects.tables  # noqa: F401  (importing them defines the tables on the metadata)
from flagd.infra.db import driver_url
from flagd.infra.tables import metadata

MIGRATOR_LOCK = 0x666C616764  # "flagd": the PostgreSQL advisory lock that migrators take
LOCK_TIMEOUT = "10s"  # waiting longer for a table in use would queue everybody else behind the migration


def database_url() -> URL:
    """The database meant, with a synchronous driver."""
    given = context.config.attributes.get("url")
    url: URL = given if given is not None else driver_url(context.get_x_argument(as_dictionary=True)["url"])
    return url.set(drivername="sqlite") if url.get_backend_name() == "sqlite" else url


def run() -> None:
    """Connects, waits for other migrators, and brings the schema forward."""
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATOR_LOCK})
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        else:
            connection.exec_driver_sql("PRAGMA busy_timeout = 15000")
        connection.commit()  # the migrations' own transactions begin here; the advisory lock stays
        migrate(connection)


def migrate(connection: Connection) -> None:
    """Runs the migrations on the connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        transaction_per_migration=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


run()
