"""Does what a newcomer does after `make run`: opens the page, asks for a flag with the SDK, presses Ctrl-C.

    python tests/deploy/smoke.py

Uses a data folder and a port of its own. Ends with 1 and the server's output when anything is not as it should be.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx

from flagd_sdk import FlagClient

ROOT: Final = Path(__file__).parents[2]
START_SECONDS: Final = 300.0  # the first start may have to install
STOP_SECONDS: Final = 20.0


def main() -> None:
    """Starts, looks, stops."""
    # A script run in the background ignores Ctrl-C, and so would everything it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="flagd-smoke-") as folder:
        data, port = Path(folder), _free_port()
        url = f"http://127.0.0.1:{port}"
        log = data / "make-run.log"
        environment = _without_settings() | {"FLAGD_PORT": str(port), "FLAGD_DATA_DIR": str(data / "var")}
        with log.open("wb") as output:
            # A process group of its own, so that Ctrl-C reaches make and what it runs, as in a terminal.
            make = subprocess.Popen(
                ["make", "run"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _wait_until_ready(make, url)
            _open_page(url)
            _ask_for_flag(url, data / "var" / "credentials.json")
            _stop(make, port)
        except Exception:
            print(log.read_text(errors="replace"), file=sys.stderr)
            raise
        finally:
            if make.poll() is None:
                os.killpg(make.pid, signal.SIGKILL)
                make.wait()
    print("make run: started, served its page, answered the SDK, stopped")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _without_settings() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("FLAGD_", "MAKE", "MFLAGS"))
    }


def _wait_until_ready(make: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if make.poll() is not None:
            raise RuntimeError(f"make run ended with {make.returncode}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        if time.monotonic() > deadline:
            raise RuntimeError(f"not ready after {START_SECONDS:g} s")
        time.sleep(0.1)


def _open_page(url: str) -> None:
    page = httpx.get(url, follow_redirects=True, timeout=5)
    page.raise_for_status()
    assert page.headers["content-type"].startswith("text/html"), page.headers
    assert "flagd" in page.text, page.text


def _ask_for_flag(url: str, credentials: Path) -> None:
    """The demo's `new-checkout` is on in development and off in production."""
    keys = json.loads(credentials.read_text())["server_keys"]
    for environment, expected in (("development", True), ("production", False)):
        with FlagClient(url, keys[environment]) as client:
            client.ready(timeout=10)
            answer = client.is_enabled("new-checkout", "visitor-1", default=not expected)
        assert answer is expected, f"new-checkout in {environment}: {answer}"


def _stop(make: subprocess.Popen[bytes], port: int) -> None:
    os.killpg(make.pid, signal.SIGINT)
    make.wait(STOP_SECONDS)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "something still listens after Ctrl-C"


if __name__ == "__main__":
    main()
