"""The command `flagd`: serve, migrate, openapi, admin. Turns what can go wrong at start into one clear line."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import click
import orjson
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

import flagd
from flagd import app as application
from flagd import firststart, machine, settings
from flagd.datafolder import DataFolder, FolderError
from flagd.errors import DomainError, Unavailable
from flagd.infra import logs, migrate
from flagd.infra.db import Database
from flagd.infra.migrate import Schema
from flagd.settings import Settings, SettingsError

P = ParamSpec("P")


class StartError(Exception):
    """The service cannot start; the message is one line."""


def one_line(command: Callable[P, None]) -> Callable[P, None]:
    """Ends the command with one line on standard error and exit code 1, where the cause is known."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Unavailable as error:
            _fail(f"{error}: {_cause(error)}")
        except (SettingsError, FolderError, StartError, DomainError) as error:
            _fail(str(error))

    return run


def _fail(line: str) -> NoReturn:
    click.echo(f"flagd: {line}", err=True)
    sys.exit(1)


@click.group()
@click.version_option(flagd.__version__, prog_name="flagd")
def main() -> None:
    """Feature flags and progressive delivery, served from your own machine."""


@main.command()
@click.option("--host", help="The address to listen on (FLAGD_HOST).")
@click.option("--port", type=int, help="The port to listen on (FLAGD_PORT).")
@click.option("--migrate", "migrates", is_flag=True, help="Bring the database's schema up to date first.")
@click.option("--demo", is_flag=True, help="On an empty database, make a demo project and its keys.")
@one_line
def serve(host: str | None, port: int | None, migrates: bool, demo: bool) -> None:
    """Start the service."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    config = settings.read(**given)
    logs.configure(config.log_level)
    folder = DataFolder(config.data_dir)
    folder.prepare()
    with _listen(config) as listener:
        address = _address(config, listener)
        asyncio.run(_prepare(config, folder, migrates=migrates or config.embedded))
        welcome = asyncio.run(
            firststart.run(config.database, folder, address, with_demo=demo, with_admin=config.embedded)
        )
        click.echo(welcome)
        secret = folder.secret() if config.secret is None else config.secret.get_secret_value()
        application.serve(config, secret, listener)


@main.command("migrate")
@one_line
def migrate_() -> None:
    """Bring the database's schema up to date."""
    config = settings.read()
    if config.embedded:
        DataFolder(config.data_dir).prepare()
    asyncio.run(_migrate(config))
    click.echo("the schema is up to date")


@main.command()
def openapi() -> None:
    """Print the API's OpenAPI document, without starting anything."""
    document: Any = application.openapi()
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


@main.group()
def admin() -> None:
    """What only somebody on the machine may do."""


@admin.command("create")
@click.argument("email")
@one_line
def admin_create(email: str) -> None:
    """Make a user who may do everything, and print a password for them."""
    _show_password(email, asyncio.run(_with_database(settings.read(), machine.create_admin, email)))


@admin.command("reset-password")
@click.argument("email")
@one_line
def admin_reset_password(email: str) -> None:
    """Give a user a new password, print it, and end their sessions."""
    _show_password(email, asyncio.run(_with_database(settings.read(), machine.reset_password, email)))


@admin.command("create-key")
@click.argument("name")
@one_line
def admin_create_key(name: str) -> None:
    """Make an API key that may do everything, and print it."""
    click.echo(asyncio.run(_with_database(settings.read(), machine.create_admin_key, name)))


@admin.command("new-lineage")
@one_line
def admin_new_lineage() -> None:
    """Count revisions anew, after a database was restored from a backup and before the service starts."""
    config = settings.read()
    folder = DataFolder(config.data_dir)
    click.echo(
        asyncio.run(_with_database(config, lambda database, _: machine.new_lineage(database, folder), ""))
    )


def _show_password(email: str, password: str) -> None:
    click.echo(f"{email}\n{password}")


async def _with_database(config: Settings, work: Callable[[Database, str], Any], about: str) -> str:
    database = Database(config.database)
    try:
        await _refuse_unusable(config, database)
        answer: str = await work(database, about)
        return answer
    finally:
        await database.close()


async def _prepare(config: Settings, folder: DataFolder, *, migrates: bool) -> None:
    database = Database(config.database)
    try:
        found = (await _schema(config, database)).schema
        if migrates and found in (Schema.EMPTY, Schema.BEHIND):
            await _upgrade(config)
        await _refuse_unusable(config, database)
    finally:
        await database.close()


async def _migrate(config: Settings) -> None:
    database = Database(config.database)
    try:
        if (await _schema(config, database)).schema is Schema.TOO_NEW:
            await _refuse_unusable(config, database)
    finally:
        await database.close()
    await _upgrade(config)


async def _upgrade(config: Settings) -> None:
    try:
        await migrate.upgrade(config.database)
    except (SQLAlchemyError, CommandError, DomainError) as error:
        line = f"{_place(config)}: the schema could not be brought up to date: {_cause(error)}"
        raise StartError(line) from error


async def _schema(config: Settings, database: Database) -> migrate.SchemaState:
    try:
        return await migrate.state(database)
    except (SQLAlchemyError, DomainError) as error:
        raise StartError(f"{_place(config)}: cannot reach the database: {_cause(error)}") from error


def _place(config: Settings) -> str:
    """The variable that says where the database is."""
    return "FLAGD_DATA_DIR" if config.embedded else "FLAGD_DATABASE_URL"


def _cause(error: BaseException) -> str:
    deepest = error.__cause__ or error
    origin = getattr(deepest, "orig", None) or deepest
    return " ".join(str(origin).split())


async def _refuse_unusable(config: Settings, database: Database) -> None:
    found = await _schema(config, database)
    if found.schema is Schema.EMPTY:
        raise StartError("the database is empty; type `flagd migrate`, or start with `flagd serve --migrate`")
    if found.schema is Schema.BEHIND:
        raise StartError(
            f"the database's schema ({found.at}) is behind this program; "
            "type `flagd migrate`, or start with `flagd serve --migrate`"
        )
    if found.schema is Schema.TOO_NEW:
        wanted = found.oldest_code or "a newer release"
        raise StartError(
            f"the database's schema ({found.at}) needs flagd {wanted} or newer; this is {flagd.__version__}"
        )


def _listen(config: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(
            f"FLAGD_HOST, FLAGD_PORT: cannot listen on {_in_url(config.host)}:{config.port}: {reason}"
        ) from error


def _address(config: Settings, listener: socket.socket) -> str:
    # Whoever listens everywhere is spoken to on the loopback address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104
    return f"http://{_in_url(host)}:{listener.getsockname()[1]}"


def _in_url(host: str) -> str:
    """The host as it stands before a port."""
    return f"[{host}]" if ":" in host else host
