"""The processes that measure, seen from the one that asks them: start, ask, give up in time, end."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
# Compiled modules are kept, as an installation keeps them: else the compiler would be measured with each import.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Gone(Exception):
    """A process ended, or said that it cannot; the text says why."""


class Asked:
    """A worker process."""

    def __init__(self, name: str, sink: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.worker", name, sink],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._rest = b""
        self._answer()

    def ask(self, command: str, **arguments: Any) -> Any:
        """The answer to a command. Gone when there is none."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([command, arguments]).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Gone(self._last_words()) from None
        return self._answer()

    def stop(self) -> None:
        """End the process, which may clean up before."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        handle, end = self._process.stdout.fileno(), time.monotonic() + PATIENCE
        while b"\n" not in self._rest:
            readable, _, _ = select.select([handle], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                self._process.kill()
                raise Gone(f"no answer within {PATIENCE:.0f} seconds")
            chunk = os.read(handle, 65_536)
            if not chunk:
                raise Gone(self._last_words())
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise Gone(answer["error"])
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with {code}: {lines[-1] if lines else 'without a word'}"


def run(arguments: list[str]) -> str:
    """The last line that a Python process prints. Gone when it fails."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Gone(f"no end within {PATIENCE:.0f} seconds") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Gone(f"ended with {done.returncode}: {lines[-1] if lines else 'without a word'}")
    return done.stdout.strip().splitlines()[-1]


class _Sink(BaseHTTPRequestHandler):
    """Accepts what clients report and has nothing new for those who ask."""

    def do_GET(self) -> None:
        self.send_response(304)
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keeps quiet."""


@contextmanager
def sink() -> Iterator[str]:
    """The address of a server on this machine that takes whatever is sent, in the asking process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
