"""The real `flagd serve` as a process: started on a free port, waited for, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from tests.services.children import Child, free_port

ROOT: Final = Path(__file__).parents[2]
PREFIX: Final = "FLAGD_"


class FlagdServer:
    """One server with a data folder of its own that every start of it uses."""

    def __init__(
        self, data: Path, settings: Mapping[str, str], arguments: tuple[str, ...] = ("--migrate",)
    ) -> None:
        """`settings` are environment variables without their prefix: {"DATABASE_URL": ...}."""
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = arguments
        self._settings = {"HOST": "127.0.0.1", "PORT": str(self.port), "DATA_DIR": str(data), **settings}
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        if self._child is None:
            raise RuntimeError("the server was not started")
        return self._child

    def start(self, *, wait: bool = True) -> None:
        """Starts it on the same port and data as before; returns when it is ready to serve."""
        self._child = Child(
            [sys.executable, "-m", "flagd", "serve", *self._arguments],
            log=self.data / "flagd.log",
            environment=self.environment(),
            death_signal=signal.SIGTERM,
        )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self, timeout: float = 30.0) -> None:
        self.child.wait_until(self.ready, timeout)

    def environment(self) -> dict[str, str]:
        """The environment it runs in: ours without any setting of flagd's, plus its own."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        # The package must be found from any folder, installed or not.
        ours["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "sdk")])
        return ours | {f"{PREFIX}{name}": value for name, value in self._settings.items()}

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """SIGTERM, as an orchestrator does; returns the exit code."""
        return self.child.stop()

    def stop_if_started(self) -> None:
        """For the end of a test, whatever it did with the server."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL: whatever was not durable is lost."""
        self.child.kill()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        self.child.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send(signal.SIGCONT)

    def credentials(self) -> dict[str, Any]:
        """What the first start wrote: url, admin_email, admin_password, admin_key, server_keys, client_keys."""
        found: dict[str, Any] = json.loads((self.data / "credentials.json").read_text())
        return found

    def output(self) -> str:
        """Everything it has logged, over all its starts."""
        return self.child.output()
