"""The data folder: the embedded database, the secret and the first credentials, readable by their owner alone.

Files appear whole or not at all: each is written beside its place, made durable, and then put there.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from flagd.settings import MIN_SECRET

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
OWNER_ALONE: Final = 0o077
SECRET_BYTES: Final = 32
LINEAGE_END: Final = 8
"""So many characters of a lineage tell files apart: the last ones, which are random in every kind of id."""


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
        with _named(self.path):
            self.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            probe = self.path / f".probe-{os.getpid()}"
            probe.touch(mode=PRIVATE_FILE)
            probe.unlink()

    def secret(self) -> str:
        """The installation's secret, made at the first call and kept."""
        file = self.path / "secret"
        with _named(file):
            if not file.exists():
                _make_once(file, secrets.token_urlsafe(SECRET_BYTES).encode())
            text = file.read_bytes().decode(errors="replace").strip()
        if len(text) < MIN_SECRET:
            raise FolderError(
                f"FLAGD_DATA_DIR: {file} holds no secret of at least {MIN_SECRET} characters; "
                "remove it to have another made, which ends every session"
            )
        return text

    def credentials(self, lineage: str) -> dict[str, Any] | None:
        """The credentials of the installation with this lineage, None where they are not (or no longer) here.

        Another installation's, left by a start on another database, are set aside until that one starts again.
        """
        with _named(self.credentials_file):
            found = _read(self.credentials_file)
            if found is not None and found.get("lineage") != lineage:
                self.credentials_file.replace(self._aside(str(found.get("lineage", "unknown"))))
                found = None
            if found is None:
                found = _read(self._aside(lineage))
                if found is not None:
                    self._aside(lineage).replace(self.credentials_file)
        return found

    def keep_credentials(self, credentials: dict[str, Any]) -> None:
        """Writes the credentials of the lineage they name, over the ones that lineage had."""
        self.credentials(credentials["lineage"])
        with _named(self.credentials_file):
            _replace(self.credentials_file, credentials)

    def draft_credentials(self, credentials: dict[str, Any]) -> None:
        """Writes credentials that count only if the database keeps what they open; see `drafted`."""
        draft = self._draft(credentials["lineage"])
        with _named(draft):
            _replace(draft, credentials)

    def drafted(self, lineage: str) -> dict[str, Any] | None:
        """The credentials last drafted for this lineage, None once they were dropped."""
        draft = self._draft(lineage)
        with _named(draft):
            return _read(draft)

    def drop_draft(self, lineage: str) -> None:
        """Forgets the draft, because it was kept or because it opens nothing."""
        draft = self._draft(lineage)
        with _named(draft):
            draft.unlink(missing_ok=True)

    def _aside(self, lineage: str) -> Path:
        return self.credentials_file.with_suffix(f".{lineage[-LINEAGE_END:]}.json")

    def _draft(self, lineage: str) -> Path:
        return self.credentials_file.with_suffix(f".{lineage[-LINEAGE_END:]}.draft")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turns what the system refuses into one line."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"FLAGD_DATA_DIR: cannot use {path}: {error.strerror or error}") from error


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found: object = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise FolderError(f"FLAGD_DATA_DIR: {file} is not the JSON flagd wrote; move it away") from error
    if not isinstance(found, dict):
        raise FolderError(f"FLAGD_DATA_DIR: {file} is not the JSON flagd wrote; move it away")
    return found


def _make_once(file: Path, content: bytes) -> None:
    """Makes the file unless somebody else does first."""
    draft = _written_beside(file, content)
    try:
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
    _sync(file.parent)


def _replace(file: Path, document: dict[str, Any]) -> None:
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    _written_beside(file, text).replace(file)
    _sync(file.parent)


def _written_beside(file: Path, content: bytes) -> Path:
    """A file of this process's own, whose content is on the disk."""
    draft = file.with_name(f".{file.name}-{os.getpid()}")
    draft.unlink(missing_ok=True)  # of an earlier process with this number
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return draft


def _sync(folder: Path) -> None:
    """Has the folder's entries survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
