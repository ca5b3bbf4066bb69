"""What a test process asks of the keeper: addresses of services that the whole run shares.

One keeper for a run, started by the first process that needs it; the connection held here keeps it alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from tests.services.postgres import create_database, drop_database

SOCKET_NAME: Final = "keeper.sock"
LOCK_NAME: Final = "keeper.lock"
START_SECONDS: Final = 30.0
FAREWELL_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 120.0
ROOT: Final = Path(__file__).parents[2]


class ServiceFailed(Exception):
    """A real server that the tests need did not start; never a reason to skip."""


class SharedServices:
    """Fresh databases and caches for the tests of one process."""

    def __init__(self, run: str, worker: int) -> None:
        """`run` is the same in every process of a test run; `worker` tells them apart."""
        self.folder = _private_base() / run[:12]
        self._worker = worker
        self._connection: socket.socket | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._answers: dict[str, dict[str, Any]] = {}

    @contextlib.contextmanager
    def postgres_database(self) -> Iterator[str]:
        """The address of a migrated PostgreSQL database of one's own, dropped at the end."""
        answer = self._ask("postgres")
        name = f"flagd_test_{uuid.uuid4().hex}"
        url = create_database(answer["admin"], name, answer["template"])
        try:
            yield url
        finally:
            drop_database(answer["admin"], name)

    @contextlib.contextmanager
    def empty_postgres_database(self) -> Iterator[str]:
        """The address of a PostgreSQL database without a single table, dropped at the end."""
        admin = self._ask("postgres")["admin"]
        name = f"flagd_test_{uuid.uuid4().hex}"
        try:
            yield create_database(admin, name)
        finally:
            drop_database(admin, name)

    def sqlite_database(self, folder: Path) -> str:
        """The address of a migrated SQLite database of one's own, in `folder`."""
        target = folder / "flagd.db"
        shutil.copyfile(self._ask("sqlite")["template"], target)
        return f"sqlite:///{target}"

    def redis_url(self) -> str:
        """The address of an empty Redis that no other process of this run uses."""
        import redis

        answer = self._ask("redis")
        url = answer["url"]
        if answer["shared"]:
            # Somebody's own server: its databases are told apart by number.
            url = urlsplit(url)._replace(path=f"/{self._worker}").geturl()
        with redis.Redis.from_url(url) as connection:
            connection.flushdb()
        return str(url)

    def close(self) -> None:
        """Leaves; the keeper ends what it started once everybody has left."""
        if self._connection is not None:
            self._connection.close()
        if self._keeper is not None:
            # The others leave at about the same time; whoever started the keeper sees it out.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._keeper.wait(FAREWELL_SECONDS)

    def _ask(self, service: str) -> dict[str, Any]:
        if service not in self._answers:
            if self._connection is None:
                self._connection = self._connected()
            self._connection.sendall(f"{service}\n".encode())
            with self._connection.makefile("r") as lines:
                answer = json.loads(lines.readline() or '{"error": "the keeper of the services ended"}')
            if "error" in answer:
                raise ServiceFailed(f"{service} could not be started\n{answer['error']}")
            self._answers[service] = answer["value"]
        return self._answers[service]

    def _connected(self) -> socket.socket:
        with _locked(self.folder):
            path = self.folder / SOCKET_NAME
            log = self.folder / "keeper.log"
            connection = _connect(path)
            if connection is None:
                self._keeper = keeper = _start_keeper(self.folder, log)
                deadline = time.monotonic() + START_SECONDS
                while (connection := _connect(path)) is None:
                    if keeper.poll() is not None or time.monotonic() > deadline:
                        raise ServiceFailed(f"the keeper of the services did not start\n{log.read_text()}")
                    time.sleep(0.02)
            return connection


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ANSWER_SECONDS)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


def _start_keeper(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    # Not a tethered child: it has to outlive us by as long as it takes to clean up.
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.services.keeper", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        )


def _private_base() -> Path:
    """A short path (a socket's may hold about 100 characters) that only this user can write to."""
    base = _made(Path(tempfile.gettempdir()) / f"flagd-tests-{os.getuid()}")
    if base.lstat().st_uid != os.getuid():
        raise ServiceFailed(f"{base} belongs to somebody else")
    return base


def _made(folder: Path) -> Path:
    """The folder, made if need be; others may pass through it, as a database server run by another user does."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711)
        folder.chmod(0o711)  # whatever the umask is
    return folder


@contextlib.contextmanager
def passable_folder() -> Iterator[Path]:
    """A new folder that a server run by another user can pass through; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="server-", dir=_private_base()) as folder:
        path = Path(folder)
        path.chmod(0o711)
        yield path


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, in a folder that exists: a keeper that leaves removes both."""
    while (lock := _lock(folder)) is None:
        pass
    with lock:
        yield


def _lock(folder: Path) -> IO[str] | None:
    path = _made(folder) / LOCK_NAME
    with contextlib.ExitStack() as stack, contextlib.suppress(FileNotFoundError):
        lock = stack.enter_context(path.open("a"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
            stack.pop_all()
            return lock
    return None
