"""What the stores of all capabilities do alike: a new row, and the next version of one. Knows no table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol, TypeVar

from sqlalchemy import Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flagd.errors import NotFound, Stale
from flagd.infra.db import WriteTx

_INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Versioned(Protocol):
    """A value of a dataclass whose row counts its writes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """The row's id."""
        ...

    @property
    def version(self) -> int:
        """Which version of the row this value was read as."""
        ...


Item = TypeVar("Item", bound=Versioned)


async def insert_new(tx: WriteTx, table: Table, values: dict[str, Any]) -> bool:
    """Stores a new row; False when what must be unique in it is taken, also by a writer at the same moment."""
    # A conflict must not be an error here: in PostgreSQL an error would end the transaction.
    statement = _INSERT[tx.dialect](table).values(**values).on_conflict_do_nothing().returning(table.c.id)
    return await tx.scalar(statement) is not None


async def save_next(tx: WriteTx, table: Table, item: Item, values: dict[str, Any], now: datetime) -> Item:
    """Stores `values` over the version that `item` carries, and answers `item` as the next one.

    Raises Stale when that version is no longer current.
    """
    version = item.version + 1
    written = await tx.run(
        update(table)
        .where(table.c.id == item.id, table.c.version == item.version)
        .values(**values, version=version, updated_at=now)
    )
    if written == 0:
        raise await _overtaken(tx, table, item.id)
    return replace(item, version=version, updated_at=now)


async def _overtaken(tx: WriteTx, table: Table, id_: str) -> Stale | NotFound:
    current = await tx.scalar(select(table.c.version).where(table.c.id == id_))
    if current is None:
        return NotFound("what was to be changed is gone")
    return Stale("someone else changed it first; look at the current version and decide again", int(current))
