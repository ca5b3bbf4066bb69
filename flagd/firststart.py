"""The first start of an installation: an administrator, an admin key and, where asked for, the demo project.

Everything is made in one transaction and only on an installation without users; a later start finds it as it was left.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flagd import demo
from flagd.access import reads
from flagd.access.people import users
from flagd.access.people.passwords import Passwords, generate
from flagd.access.service import NewApiKey, create_key
from flagd.datafolder import DataFolder
from flagd.errors import Conflict
from flagd.infra.changes import Actor
from flagd.infra.clock import SystemClock
from flagd.infra.db import Database, WriteTx

ADMIN_EMAIL: Final = "admin@flagd.localhost"
SYSTEM: Final = Actor("system", "first-start", "first start")


async def run(url: str, folder: DataFolder, address: str, *, with_demo: bool, with_admin: bool) -> str:
    """Makes what a new installation needs, and returns what to tell whoever started it."""
    database = Database(url)
    try:
        made = await _begin(database, address, with_demo=with_demo) if with_demo or with_admin else None
    finally:
        await database.close()
    if made is not None:
        folder.keep_credentials(made)
    return welcome(address, folder, fresh=made is not None)


async def _begin(database: Database, address: str, *, with_demo: bool) -> dict[str, Any] | None:
    async with database.read() as tx:
        if await reads.any_user(tx):
            return None
    password = generate()
    hashed = await Passwords().hash(password)
    try:
        async with database.write() as tx:
            made = await _make(tx, hashed, SystemClock().now(), with_demo=with_demo)
    except Conflict:
        return None  # another process of this installation was first
    return {"url": address, "admin_email": ADMIN_EMAIL, "admin_password": password, **made}


async def _make(tx: WriteTx, password_hash: str, now: datetime, *, with_demo: bool) -> dict[str, Any]:
    await users.create_user(tx, SYSTEM, users.NewUser(ADMIN_EMAIL, "Administrator", password_hash), now)
    _, admin_key = await create_key(tx, SYSTEM, NewApiKey("admin", "first admin key"), now)
    made = {"admin_key": admin_key}
    return made | (await demo.make(tx, SYSTEM, now) if with_demo else {})


def welcome(address: str, folder: DataFolder, *, fresh: bool) -> str:
    """What to tell whoever started the service."""
    lines = [f"flagd is at {address}"]
    known = folder.credentials()
    if known is None:
        lines.append("  make an administrator:  flagd admin create you@example.org")
        lines.append("  and a key for the API:  flagd admin create-key NAME")
        return "\n".join(lines)
    if fresh:
        lines.append(
            f"  sign in as              {known['admin_email']}  with  {known['admin_password']}  (shown once)"
        )
    else:
        lines.append(f"  sign in as              {known['admin_email']}")
    lines.append(f"  passwords and keys are  in {folder.credentials_file}, for your eyes only")
    if "server_keys" in known:
        lines += [
            "  try next                open the page and turn `payments` off in production; or",
            "                          `make storefront` and `make demo` in another terminal (see README.md)",
        ]
    return "\n".join(lines)
