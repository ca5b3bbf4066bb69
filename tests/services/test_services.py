"""The servers the tests rely on keep what their fixtures promise, and never outlive a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import text

from flagd.infra.db import Database
from tests.services.children import Child, ChildFailed
from tests.services.postgres import Postgres
from tests.services.shared import ROOT, SharedServices
from tests.services.valkey import Valkey


def test_two_tests_never_share_a_database(services: SharedServices) -> None:
    """Each PostgreSQL database a test gets is a copy of its own."""
    with services.postgres_database() as one, services.postgres_database() as two:
        with psycopg.connect(one, autocommit=True) as connection:
            connection.execute("CREATE TABLE only_here (id int)")
        with psycopg.connect(two) as connection:
            found = connection.execute("SELECT to_regclass('only_here')").fetchone()
    assert found == (None,)


def test_redis_is_empty_for_each_test(services: SharedServices) -> None:
    """What one test leaves in Redis is gone for the next."""
    with redis.Redis.from_url(services.redis_url()) as connection:
        connection.set("left", "behind")
    with redis.Redis.from_url(services.redis_url()) as connection:
        assert connection.keys() == []


async def test_database_answers(database: Database) -> None:
    """The database of a test is open on both kinds."""
    async with database.read() as tx:
        assert await tx.scalar(text("select 1")) == 1


def test_postgres_comes_back_with_its_data(postgres_server: Postgres) -> None:
    """A PostgreSQL that was killed and started again has what was committed."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    postgres_server.kill()
    assert not postgres_server.answers()
    postgres_server.start()
    with psycopg.connect(postgres_server.url()) as connection:
        assert connection.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)


def test_redis_can_be_frozen_and_thawed(redis_server: Valkey) -> None:
    """A frozen Redis takes connections and says nothing."""
    redis_server.freeze()
    assert not redis_server.answers()
    redis_server.thaw()
    assert redis_server.answers()


def test_sqlite_template_is_whole(sqlite_url: str) -> None:
    """The SQLite database of a test is one file."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert path.is_file()
    assert not path.with_name("flagd.db-wal").exists()


@pytest.mark.slow
def test_servers_of_ones_own_are_used_and_left_clean(
    postgres_server: Postgres, redis_server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FLAGD_TEST_DATABASE_URL and FLAGD_TEST_REDIS_URL the tests run there, and leave no database behind."""
    monkeypatch.setenv("FLAGD_TEST_DATABASE_URL", postgres_server.url())
    monkeypatch.setenv("FLAGD_TEST_REDIS_URL", redis_server.url)
    services = SharedServices(uuid.uuid4().hex, worker=3)
    with services.postgres_database() as url:
        assert f":{postgres_server.port}/flagd_test_" in url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM flags").fetchone() == (0,)
    assert services.redis_url() == redis_server.url.removesuffix("/0") + "/3"
    services.close()
    with psycopg.connect(postgres_server.url()) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'flagd%'").fetchall()
    assert left == []


USER_OF_SERVICES = """
import sys, time
from tests.services.shared import SharedServices
services = SharedServices(sys.argv[1], 0)
with services.postgres_database() as url:
    print(url, services.redis_url(), flush=True)
    time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_gone(port: int) -> Callable[[], bool]:
    def gone() -> bool:
        try:
            psycopg.connect(f"postgresql://nobody@127.0.0.1:{port}/postgres", connect_timeout=2)
        except psycopg.OperationalError as error:
            return "refused" in str(error)
        return False

    return gone


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_leaves_no_server_behind(how: signal.Signals) -> None:
    """However a test process ends, its PostgreSQL, its Redis and their data are gone soon after."""
    run = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-c", USER_OF_SERVICES, run], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        postgres, cache = process.stdout.readline().split()
        folder = SharedServices(run, 0).folder
        assert folder.is_dir()
        process.send_signal(how)
    port = int(postgres.rsplit(":", 1)[1].partition("/")[0])
    assert wait_until(is_gone(port))
    assert wait_until(lambda: not folder.exists())
    with redis.Redis.from_url(cache) as connection, pytest.raises(redis.ConnectionError):
        connection.ping()


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    """A server process started by a test is gone when the test process is killed."""
    if sys.platform != "linux":
        return  # other kernels cannot promise it
    program = (
        "import sys, time, pathlib\n"
        "from tests.services.children import Child\n"
        "print(Child(['/bin/sleep', '600'], log=pathlib.Path(sys.argv[1])).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert wait_until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        parent.kill()
    assert wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    """What a server printed before it ended is in the failure of the test that started it."""
    child = Child(["/bin/sh", "-c", "echo the disk is full; exit 3"], log=tmp_path / "log")
    with pytest.raises(ChildFailed, match="ended with 3") as failure:
        child.wait_until(lambda: False)
    assert "the disk is full" in str(failure.value)
