"""The first start and what it leaves in the data folder, through crashes and changes of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from flagd import firststart, machine
from flagd.datafolder import DataFolder, FolderError
from flagd.infra.db import Database

HERE = "http://127.0.0.1:8080"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder."""
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


async def start(url: str, folder: DataFolder, address: str = HERE) -> str:
    """What a start without the demo project says."""
    return await firststart.run(url, folder, address, with_demo=False, with_admin=True)


def kept(folder: DataFolder) -> dict[str, Any]:
    """What is in the file that programs read."""
    found: dict[str, Any] = orjson.loads(folder.credentials_file.read_bytes())
    return found


async def test_each_installation_keeps_its_credentials(
    sqlite_url: str, postgres_url: str, folder: DataFolder
) -> None:
    """Started on one database, then on another, then on the first: its own credentials are there each time."""
    assert "shown once" in await start(sqlite_url, folder)
    first = kept(folder)
    assert "shown once" in await start(postgres_url, folder)
    second = kept(folder)
    assert second["admin_key"] != first["admin_key"]
    assert {file.stat().st_mode & 0o077 for file in folder.path.iterdir()} == {0}

    for url, expected in ((sqlite_url, first), (postgres_url, second)):
        assert "shown once" not in await start(url, folder)
        assert kept(folder) == expected


async def test_credentials_of_another_installation_are_not_shown(
    sqlite_url: str, postgres_url: str, folder: DataFolder
) -> None:
    """A start that makes no credentials of its own says how to make some, and keeps those of the other."""
    await start(sqlite_url, folder)
    first = kept(folder)
    said = await firststart.run(postgres_url, folder, HERE, with_demo=False, with_admin=False)
    assert "flagd admin create" in said
    assert not folder.credentials_file.exists()
    await start(sqlite_url, folder)
    assert kept(folder) == first


async def test_credentials_follow_the_address(sqlite_url: str, folder: DataFolder) -> None:
    """A later start at another address writes that address, and nothing else."""
    await start(sqlite_url, folder)
    first = kept(folder)
    await start(sqlite_url, folder, "http://127.0.0.1:9090")
    assert kept(folder) == first | {"url": "http://127.0.0.1:9090"}


async def test_a_crash_after_the_commit_loses_no_credentials(
    database_url: str, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies between the commit and the file finds their credentials at the next start, and is shown them."""

    def die(self: DataFolder, lineage: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DataFolder, "drafted", die)
    with pytest.raises(KeyboardInterrupt):
        await start(database_url, folder)
    monkeypatch.undo()
    assert not folder.credentials_file.exists()

    said = await start(database_url, folder)
    assert kept(folder)["admin_password"] in said
    assert [file.name for file in folder.path.iterdir()] == ["credentials.json"]


async def test_credentials_that_open_nothing_are_not_kept(
    database_url: str, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies before the commit made nothing; the next start makes everything anew."""
    draft = DataFolder.draft_credentials

    def die(self: DataFolder, credentials: dict[str, Any]) -> None:
        draft(self, credentials)
        raise KeyboardInterrupt

    monkeypatch.setattr(DataFolder, "draft_credentials", die)
    with pytest.raises(KeyboardInterrupt):
        await start(database_url, folder)
    monkeypatch.undo()
    (drafted,) = folder.path.glob("*.draft")
    lost = orjson.loads(drafted.read_bytes())

    await firststart.run(database_url, folder, HERE, with_demo=False, with_admin=False)
    assert not folder.credentials_file.exists()
    assert "shown once" in await start(database_url, folder)
    assert kept(folder)["admin_key"] != lost["admin_key"]


async def test_credentials_follow_a_new_lineage(sqlite_url: str, folder: DataFolder) -> None:
    """After a restore and `flagd admin new-lineage` the installation's credentials are still its own."""
    await start(sqlite_url, folder)
    first = kept(folder)
    database = Database(sqlite_url)
    lineage = await machine.new_lineage(database, folder)
    await database.close()
    assert "admin@flagd.localhost" in await start(sqlite_url, folder)
    assert kept(folder) == first | {"lineage": lineage}


async def test_a_credentials_file_that_cannot_be_read_is_left_alone(
    sqlite_url: str, folder: DataFolder
) -> None:
    """What somebody broke is named and not overwritten."""
    for broken in (b"", b"{", b"[]"):
        folder.credentials_file.write_bytes(broken)
        with pytest.raises(FolderError, match=r"FLAGD_DATA_DIR: .*credentials.json"):
            await start(sqlite_url, folder)
        assert folder.credentials_file.read_bytes() == broken


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff" * 8])
def test_a_secret_that_is_none_is_refused(folder: DataFolder, content: bytes) -> None:
    """An empty or cut-off secret signs nothing: one line names the file and what to do."""
    (folder.path / "secret").write_bytes(content)
    with pytest.raises(FolderError, match=r"FLAGD_DATA_DIR: .*secret .*remove it") as refused:
        folder.secret()
    assert "\n" not in str(refused.value)


def test_the_secret_appears_whole(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dies while making the secret leaves none, and the next start makes and keeps one."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.link", die)
    with pytest.raises(KeyboardInterrupt):
        folder.secret()
    monkeypatch.undo()
    assert list(folder.path.iterdir()) == []

    secret = folder.secret()
    assert len(secret) >= 32
    assert folder.secret() == secret
    assert (folder.path / "secret").stat().st_mode & 0o777 == 0o600
