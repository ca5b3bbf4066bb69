"""What only somebody on the machine may do, without credentials: whoever reaches the database is trusted.

Each is one transaction on a database whose schema was checked before. What is done to users and keys is in the change
log; a new lineage is not a change of anything in it, and shows in every snapshot instead.
"""

from __future__ import annotations

from typing import Final

from flagd.access import reads
from flagd.access.model import normal_email
from flagd.access.people import users
from flagd.access.people.passwords import Passwords, generate
from flagd.access.service import NewApiKey, create_key
from flagd.datafolder import DataFolder
from flagd.infra import changes
from flagd.infra.changes import Actor
from flagd.infra.clock import SystemClock
from flagd.infra.db import Database

MACHINE: Final = Actor("system", "command-line", "somebody on the machine")


async def create_admin(database: Database, email: str) -> str:
    """Makes a user who may do everything; returns their password."""
    password = generate()
    hashed = await Passwords().hash(password)
    name = normal_email(email).partition("@")[0]
    async with database.write() as tx:
        await users.create_user(tx, MACHINE, users.NewUser(email, name, hashed), SystemClock().now())
    return password


async def reset_password(database: Database, email: str) -> str:
    """Gives a user a new password, ends their sessions, and returns the password."""
    password = generate()
    hashed = await Passwords().hash(password)
    async with database.write() as tx:
        await users.reset_password(tx, MACHINE, email, hashed, SystemClock().now())
    return password


async def create_admin_key(database: Database, name: str) -> str:
    """Makes an API key that may do everything; returns its text."""
    async with database.write() as tx:
        _, token = await create_key(tx, MACHINE, NewApiKey("admin", name), SystemClock().now())
    return token


async def new_lineage(database: Database, folder: DataFolder) -> str:
    """Begins to count revisions anew, for a database that was put back to an earlier state; returns the lineage.

    The credentials in `folder` stay those of this installation.
    """
    async with database.write() as tx:
        before, _ = await reads.access_mark(tx)
        known = folder.credentials(before)  # while it can still be refused
        after = await changes.begin_lineage(tx)
    if known is not None:
        folder.keep_credentials(known | {"lineage": after})
    return after
