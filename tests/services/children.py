"""Child processes that never outlive the test run: start, signal, wait, read what they printed.

Knows nothing of what it runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

TETHERED: Final = Path(__file__).with_name("tethered.py")
UNPRIVILEGED_USER: Final = 65534
LOG_TAIL_CHARACTERS: Final = 4000


class ChildFailed(Exception):
    """A child process ended, or did not become ready in time; the message carries the end of its output."""


class Child:
    """One running command whose output goes to a file.

    It is killed by the kernel (Linux) when the thread that started it ends, so start it from the main thread.
    It has a session of its own: Ctrl-C reaches the tests, which then stop it in order.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        user: int = -1,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.command = tuple(command)
        self.log = log
        launcher = (
            sys.executable,
            "-I",
            "-S",
            str(TETHERED),
            str(os.getpid()),
            str(user),
            str(int(death_signal)),
        )
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=log.parent,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Negative: the signal that ended it. None: still running."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal: SIGSTOP freezes it as a lost network would, SIGCONT lets it go on."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 15.0) -> int:
        """Waits for its end; returns the exit code, raises ChildFailed when it goes on for too long."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"still running after {timeout:g} s: {self.describe()}") from None

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 15.0) -> int:
        """Asks it to end (thaws it first) and waits; kills what does not listen. Harmless on one that has ended."""
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL: no chance to clean up."""
        self._process.kill()
        return self._process.wait()

    def output(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def describe(self) -> str:
        """The command, how it ended and the last of its output, for a failure message."""
        state = "running" if self.running else f"ended with {self.exit_code}"
        return f"{' '.join(self.command)} ({state})\n{self.output()[-LOG_TAIL_CHARACTERS:]}"

    def wait_until(self, ready: Callable[[], bool], timeout: float = 30.0) -> None:
        """Polls `ready` until it says yes; ChildFailed at once when the process ends, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise ChildFailed(f"ended before it was ready: {self.describe()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"not ready after {timeout:g} s: {self.describe()}")
            time.sleep(0.02)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def server_user() -> int:
    """The user id that database servers run as: PostgreSQL refuses root."""
    return UNPRIVILEGED_USER if os.geteuid() == 0 else -1


def readable_by(user: int, path: Path) -> bool:
    """Whether `user` (-1: we ourselves) can reach and read `path`; looks at the bits for others, never at groups."""
    if user < 0:
        return os.access(path, os.R_OK)
    resolved = path.resolve()
    reachable = all(folder.stat().st_mode & 0o001 for folder in resolved.parents)
    return reachable and bool(resolved.stat().st_mode & 0o004)
