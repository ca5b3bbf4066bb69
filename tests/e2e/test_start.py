"""Starting `flagd`: what a person sees when all is well, and one clear line for each thing that is not."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from flagd import cli, settings
from tests.conftest import StartServer
from tests.services.processes import ROOT


def _flagd(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLAGD_")}
    environment |= {f"FLAGD_{name}": value for name, value in settings.items()}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "sdk")])
    command = [sys.executable, "-m", "flagd", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = [line for line in done.stderr.splitlines() if line.startswith("flagd: ")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """A taken port is named with its setting, and nothing was made in the data folder but the folder."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        _refused(_flagd("serve", PORT=port, DATA_DIR=str(tmp_path)), "FLAGD_PORT", port, "in use")


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    """A data folder that cannot be made is named with its setting."""
    (tmp_path / "file").write_text("in the way")
    _refused(
        _flagd("serve", PORT="0", DATA_DIR=str(tmp_path / "file" / "data")), "FLAGD_DATA_DIR", str(tmp_path)
    )


def test_an_unreachable_database_is_one_line(tmp_path: Path) -> None:
    """A database nobody answers for is named with its setting, without its password."""
    done = _flagd(
        "serve", PORT="0", DATA_DIR=str(tmp_path), DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/nothing"
    )
    _refused(done, "FLAGD_DATABASE_URL", "cannot reach the database")
    assert "hunter2" not in done.stderr + done.stdout


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    """A broken database is named with its setting, and left as it is."""
    (tmp_path / "flagd.db").write_bytes(b"this is no database, " * 100)
    _refused(_flagd("serve", PORT="0", DATA_DIR=str(tmp_path)), "FLAGD_DATA_DIR", "not a database")
    named = {"DATABASE_URL": f"sqlite:///{tmp_path / 'flagd.db'}", "DATA_DIR": str(tmp_path)}
    for arguments in (("serve",), ("migrate",), ("admin", "create", "ada@example.org")):
        _refused(_flagd(*arguments, PORT="0", **named), "FLAGD_DATABASE_URL", "not a database")


def test_a_migration_that_fails_is_one_line(tmp_path: Path, empty_postgres_url: str) -> None:
    """Without the right to make tables, the line names the setting and gives the database's reason."""
    engine = sa.create_engine(empty_postgres_url.replace("postgresql://", "postgresql+psycopg://", 1))
    role = f"flagd_{uuid.uuid4().hex}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'"))
    url = engine.url.set(drivername="postgresql", username=role, password="hunter2")
    folder = {"DATABASE_URL": url.render_as_string(hide_password=False), "DATA_DIR": str(tmp_path)}
    try:
        for arguments in (("migrate",), ("serve", "--migrate")):
            _refused(_flagd(*arguments, PORT="0", **folder), "FLAGD_DATABASE_URL", "permission denied")
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP ROLE {role}"))
        engine.dispose()


def test_an_unusable_secret_is_one_line(tmp_path: Path) -> None:
    """A secret file that is empty is no secret; the line names it."""
    (tmp_path / "secret").touch()
    _refused(_flagd("serve", PORT="0", DATA_DIR=str(tmp_path)), "FLAGD_DATA_DIR", str(tmp_path / "secret"))


def test_an_address_of_the_next_internet_is_printed_as_one() -> None:
    """Whoever listens on an IPv6 address is told one that can be opened."""
    for host, shown in (
        ("::1", "[::1]"),
        ("::", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
    ):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            assert cli._address(settings.read(host=host), listener) == f"http://{shown}:{port}"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "many", "FLAGD_PORT"),
        ("PORT", "70000", "FLAGD_PORT"),
        ("DATABASE_URL", "mysql://root:hunter2@db/flags", "FLAGD_DATABASE_URL"),
        ("DATABASE_URL", "hunter2", "FLAGD_DATABASE_URL"),
        ("DATABASE_URL", "sqlite://", "FLAGD_DATABASE_URL"),
        ("DATABASE_URL", "postgresql://me@db:hunter2/flags", "FLAGD_DATABASE_URL"),
        ("REDIS_URL", "hunter2", "FLAGD_REDIS_URL"),
        ("REDIS_URL", "redis://localhost:abc", "FLAGD_REDIS_URL"),
        ("SECRET", "hunter2", "FLAGD_SECRET"),
        ("TAIL_INTERVAL", "0", "FLAGD_TAIL_INTERVAL"),
        ("LOG_LEVEL", "loud", "FLAGD_LOG_LEVEL"),
    ],
)
def test_an_unusable_setting_is_named(tmp_path: Path, name: str, value: str, says: str) -> None:
    """Each setting is checked at start, by the name of its variable, and its value is not repeated."""
    done = _flagd("serve", **({"DATA_DIR": str(tmp_path), "PORT": "0"} | {name: value}))
    _refused(done, says)
    assert "hunter2" not in done.stderr


def test_a_schema_that_is_behind_is_refused_with_what_to_type(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    """An empty database is not migrated behind the operator's back; the line says how to."""
    done = _flagd("serve", PORT="0", DATA_DIR=str(tmp_path), DATABASE_URL=empty_postgres_url)
    _refused(done, "flagd migrate", "flagd serve --migrate")
    assert _flagd("migrate", DATABASE_URL=empty_postgres_url, DATA_DIR=str(tmp_path)).returncode == 0


def test_a_schema_that_needs_newer_code_is_refused(tmp_path: Path, postgres_url: str) -> None:
    """A database that a newer release took over is left alone, and the line names the release it needs."""
    engine = sa.create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("UPDATE schema_info SET oldest_code = '7.0.0'"))
    engine.dispose()
    for arguments in (("serve",), ("serve", "--migrate"), ("migrate",)):
        done = _flagd(*arguments, PORT="0", DATA_DIR=str(tmp_path), DATABASE_URL=postgres_url)
        _refused(done, "needs flagd 7.0.0 or newer")


def test_a_second_start_finds_everything_as_it_was_left(start_server: StartServer) -> None:
    """Flags, keys and credentials of the first start are those of the second, and nothing is printed again."""
    server = start_server()
    first = server.credentials()
    headers = {"Authorization": f"Bearer {first['admin_key']}"}
    flags = httpx.get(f"{server.url}/api/v1/projects/demo/flags", headers=headers).json()
    server.stop()
    server.start()
    assert server.credentials() == first
    assert httpx.get(f"{server.url}/api/v1/projects/demo/flags", headers=headers).json() == flags
    assert server.output().count(first["admin_password"]) == 1


def test_secrets_are_for_their_owner_alone(start_server: StartServer) -> None:
    """The database, the secret and the first credentials can be read by their owner only; the log has no key."""
    server = start_server()
    for name in ("credentials.json", "secret", "flagd.db"):
        assert stat.S_IMODE((server.data / name).stat().st_mode) == 0o600
    assert server.credentials()["admin_key"] not in server.output()


def test_a_given_secret_is_the_one_in_use(start_server: StartServer) -> None:
    """With FLAGD_SECRET, which replicas share, no secret of the folder's own is made."""
    server = start_server(SECRET="the same in every replica, and long enough")
    assert not (server.data / "secret").exists()


def test_a_database_without_users_says_how_to_make_one(start_server: StartServer, postgres_url: str) -> None:
    """On an operator's own database nothing is invented: the start says how to make an administrator."""
    server = start_server(arguments=(), DATABASE_URL=postgres_url)
    assert "flagd admin create" in server.output()
    made = _flagd("admin", "create", "Ada@Example.org", DATABASE_URL=postgres_url, DATA_DIR=str(server.data))
    assert made.returncode == 0
    assert made.stdout.splitlines()[0] == "Ada@Example.org"
    again = _flagd("admin", "create", "ada@example.org", DATABASE_URL=postgres_url, DATA_DIR=str(server.data))
    _refused(again, "ada@example.org")
    key = _flagd("admin", "create-key", "automation", DATABASE_URL=postgres_url).stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    made_project = httpx.post(
        f"{server.url}/api/v1/projects", json={"key": "shop", "name": "Shop"}, headers=headers
    )
    assert made_project.status_code == httpx.codes.CREATED
    reset = _flagd("admin", "reset-password", "ada@example.org", DATABASE_URL=postgres_url)
    assert reset.stdout.splitlines()[1] != made.stdout.splitlines()[1]


def test_a_restored_database_gets_a_new_lineage(tmp_path: Path) -> None:
    """`flagd admin new-lineage` begins another count of revisions, each time another."""
    folder = {"DATA_DIR": str(tmp_path)}
    assert _flagd("migrate", **folder).returncode == 0
    made = [_flagd("admin", "new-lineage", **folder).stdout.strip() for _ in range(2)]
    assert len({*made, ""}) == 3


def test_openapi_is_printed_without_starting_anything(tmp_path: Path) -> None:
    """`flagd openapi` needs no database and no folder, and describes the management API."""
    done = _flagd(
        "openapi", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing", DATA_DIR=str(tmp_path / "no")
    )
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["openapi"].startswith("3.")
    assert "/api/v1/projects/{project}/flags/{flag}/environments/{environment}" in document["paths"]
    assert not (tmp_path / "no").exists()


def test_health_answers_without_credentials(start_server: StartServer) -> None:
    """/livez and /readyz are open, and say nothing but whether."""
    server = start_server()
    assert httpx.get(f"{server.url}/livez").json() == {"status": "live"}
    assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready", "database": "ok", "cache": "ok"}
