"""The schema's own state: where it stands, whether this program can work with it, and how to bring it forward.

Alembic and its scripts do the work; this module finds them and puts their answers in words.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

import flagd
from flagd.infra.db import Database, driver_url
from flagd.infra.tables import schema_info


class Schema(Enum):
    """How the database's schema stands to this program."""

    CURRENT = "current"
    EMPTY = "empty"
    BEHIND = "behind"
    NEWER = "newer and compatible"
    TOO_NEW = "newer than this program works with"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What was found: the state, the migration the database stands at, and the oldest program it works with."""

    schema: Schema
    at: str | None
    oldest_code: str | None


async def upgrade(url: str) -> None:
    """Brings the database at `url` to the newest schema. Two at once: the second waits and finds nothing to do."""
    await asyncio.to_thread(command.upgrade, alembic_config(url), "head")


async def state(database: Database) -> SchemaState:
    """Compares the database with the migrations this program carries."""
    found: SchemaState = await database.run_sync(_state)
    return found


def alembic_config(url: str) -> Config:
    """Alembic's configuration, without a file: where the scripts are and which database is meant."""
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["url"] = driver_url(url)
    return config


def scripts() -> Path:
    """The migrations: beside the package in a checkout, inside it once installed."""
    package = Path(flagd.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _state(connection: Connection) -> SchemaState:
    at = MigrationContext.configure(connection).get_current_revision()
    if at is None:
        return SchemaState(Schema.EMPTY, None, None)
    directory = ScriptDirectory(str(scripts()))
    if at == directory.get_current_head():
        return SchemaState(Schema.CURRENT, at, None)
    if at in {script.revision for script in directory.walk_revisions()}:
        return SchemaState(Schema.BEHIND, at, None)
    oldest = _oldest_code(connection)
    works = oldest is not None and _release(flagd.__version__) >= _release(oldest)
    return SchemaState(Schema.NEWER if works else Schema.TOO_NEW, at, oldest)


def _oldest_code(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema_info.name):
        return None
    found: str | None = connection.execute(select(schema_info.c.oldest_code)).scalar()
    return found


_PARTS: Final = 3


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a release, MAJOR.MINOR.PATCH."""
    return tuple(int(part) for part in version.split(".")[:_PARTS])
