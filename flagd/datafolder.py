"""The data folder: the embedded database, the secret and the first credentials, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
OWNER_ALONE: Final = 0o077
SECRET_BYTES: Final = 32


class FolderError(Exception):
    """The folder cannot be used; the message is one line and names the variable that sets it."""


class DataFolder:
    """A folder of this installation's own."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.credentials_file = self.path / "credentials.json"

    def prepare(self) -> None:
        """Makes the folder where it is missing; FolderError where it cannot be written."""
        os.umask(OWNER_ALONE)  # the database file is made by its driver, which asks for no mode
        try:
            self.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            probe = self.path / f".probe-{os.getpid()}"
            probe.touch(mode=PRIVATE_FILE)
            probe.unlink()
        except OSError as error:
            raise FolderError(f"FLAGD_DATA_DIR: cannot write to {self.path}: {error.strerror}") from error

    def secret(self) -> str:
        """The installation's secret, made at the first call and kept."""
        file = self.path / "secret"
        with suppress(FileExistsError):  # made at an earlier start, or by another process just now
            _write_new(file, secrets.token_urlsafe(SECRET_BYTES).encode())
        return file.read_text().strip()

    def credentials(self) -> dict[str, Any] | None:
        """The credentials of the first start, or None before it (or where they were put elsewhere since)."""
        if not self.credentials_file.exists():
            return None
        found: dict[str, Any] = orjson.loads(self.credentials_file.read_bytes())
        return found

    def keep_credentials(self, credentials: dict[str, Any]) -> None:
        """Writes the credentials of the first start, whole or not at all."""
        text = orjson.dumps(credentials, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        draft = self.credentials_file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        _write_new(draft, text)
        draft.replace(self.credentials_file)


def _write_new(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
