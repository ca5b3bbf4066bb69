"""A real server in a thread of the test's process, whose environments answer from any document a test hands it.

What the management API would refuse to save (an operator from the future, a circle) can be served this way. The
document replaces a snapshot that the server holds; from there on everything is the program's: bytes, HTTP, evaluation.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from flagd.app import build_app
from flagd.infra.db import Database
from flagd.machine import create_admin_key
from flagd.settings import Settings
from flagd.snapshots.model import Snapshot, part
from flagd.snapshots.publisher import Publisher
from tests.contract.sdk.waiting import eventually
from tests.services.application import SECRET

API = "/api/v1"
PROJECT = "vectors"


@dataclass
class AnsweringServer:
    """A running server, and a connection with an admin's key."""

    url: str
    publisher: Publisher
    http: httpx.Client
    keys: dict[str, str] = field(default_factory=dict)

    def serve(self, environment: str, document: Mapping[str, Any]) -> str:
        """Has an environment of this name answer from a document; returns a server key of it."""
        self._made("environments", {"key": environment, "name": environment}, of=f"/projects/{PROJECT}")
        place = {"kind": "server", "name": environment, "project": PROJECT, "environment": environment}
        key: str = self._made("keys", place)["token"]
        held = self._held(environment, key)
        # The same revision: so the publisher finds nothing to do, and leaves it.
        flags, segments = (
            {name: part(wire) for name, wire in document[kind].items()} for kind in ("flags", "segments")
        )
        replaced = dataclasses.replace(held, flags=flags, segments=segments, previous=None)
        self.publisher._snapshots[held.place.environment_id] = replaced
        return key

    def _held(self, environment: str, key: str) -> Snapshot:
        headers = {"Authorization": f"Bearer {key}"}

        def is_held() -> bool:
            return httpx.get(f"{self.url}/sdk/v1/snapshot", headers=headers).status_code == httpx.codes.OK

        assert eventually(is_held, 20)
        return next(
            each for each in self.publisher._snapshots.values() if each.place.environment == environment
        )

    def _made(self, what: str, document: Mapping[str, Any], *, of: str = "") -> dict[str, Any]:
        made = self.http.post(f"{API}{of}/{what}", json=document)
        assert made.status_code == httpx.codes.CREATED, made.text
        body: dict[str, Any] = made.json()
        return body


@contextlib.contextmanager
def answering_server(folder: Path, database_url: str) -> Iterator[AnsweringServer]:
    """Such a server, on a migrated database, until the block ends."""
    settings = Settings(data_dir=folder, database_url=database_url)
    admin = asyncio.run(_admin_key(settings.database))
    app = build_app(settings, SECRET)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            assert eventually(lambda: server.started, 20)
            headers = {"Authorization": f"Bearer {admin}"}
            with httpx.Client(base_url=url, headers=headers) as http:
                running = AnsweringServer(url, app.state.resources.publisher, http)
                running._made("projects", {"key": PROJECT, "name": PROJECT})
                yield running
        finally:
            server.should_exit = True
            thread.join(20)


async def _admin_key(database_url: str) -> str:
    database = Database(database_url)
    try:
        return await create_admin_key(database, "tests")
    finally:
        await database.close()
