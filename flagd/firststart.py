"""The first start of an installation: an administrator, an admin key and, where asked for, the demo project.

Everything is made in one transaction and only on an installation without users; a later start finds it as it was left.
The credentials are on the disk before that transaction commits, so that no crash loses them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from flagd import demo
from flagd.access import reads
from flagd.access.keys import digest_of
from flagd.access.people import users
from flagd.access.people.passwords import Passwords, generate
from flagd.access.service import NewApiKey, create_key
from flagd.datafolder import DataFolder
from flagd.errors import Conflict
from flagd.infra.changes import Actor
from flagd.infra.clock import SystemClock
from flagd.infra.db import Database, ReadTx, WriteTx

ADMIN_EMAIL: Final = "admin@flagd.localhost"
SYSTEM: Final = Actor("system", "first-start", "first start")

Credentials = dict[str, Any]


async def run(url: str, folder: DataFolder, address: str, *, with_demo: bool, with_admin: bool) -> str:
    """Makes what a new installation needs, and returns what to tell whoever started it."""
    database = Database(url)
    try:
        async with database.read() as tx:
            begun = await reads.any_user(tx)
        if not begun and (with_demo or with_admin):
            await _begin(database, folder, address, with_demo=with_demo)
        known, fresh = await _settled(database, folder)
    finally:
        await database.close()
    if known is not None and known.get("url") != address:
        known = known | {"url": address}
        folder.keep_credentials(known)
    return welcome(address, folder, known, fresh=fresh)


async def _begin(database: Database, folder: DataFolder, address: str, *, with_demo: bool) -> None:
    password = generate()
    hashed = await Passwords().hash(password)
    try:
        async with database.write() as tx:
            made = await _make(tx, hashed, SystemClock().now(), with_demo=with_demo)
            known = {"url": address, "admin_email": ADMIN_EMAIL, "admin_password": password, **made}
            folder.draft_credentials({"lineage": await _lineage(tx), **known})
    except Conflict:
        return  # another process of this installation was first


async def _make(tx: WriteTx, password_hash: str, now: datetime, *, with_demo: bool) -> Credentials:
    await users.create_user(tx, SYSTEM, users.NewUser(ADMIN_EMAIL, "Administrator", password_hash), now)
    _, admin_key = await create_key(tx, SYSTEM, NewApiKey("admin", "first admin key"), now)
    made = {"admin_key": admin_key}
    return made | (await demo.make(tx, SYSTEM, now) if with_demo else {})


async def _settled(database: Database, folder: DataFolder) -> tuple[Credentials | None, bool]:
    """The installation's credentials, and whether nobody was shown them yet."""
    async with database.read() as tx:
        lineage = await _lineage(tx)
        drafted = folder.drafted(lineage)
        # Whoever drafted them may have died before the commit; then the database knows nothing of their key.
        counts = (
            drafted is not None and await reads.key_by_digest(tx, digest_of(drafted["admin_key"])) is not None
        )
    if drafted is not None:
        if counts:
            folder.keep_credentials(drafted)
        folder.drop_draft(lineage)
    return folder.credentials(lineage), counts


async def _lineage(tx: ReadTx) -> str:
    lineage, _ = await reads.access_mark(tx)
    return lineage


def welcome(address: str, folder: DataFolder, known: Credentials | None, *, fresh: bool) -> str:
    """What to tell whoever started the service."""
    lines = [f"flagd is at {address}"]
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
