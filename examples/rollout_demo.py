"""One rollout from nobody to everybody and back, watched by 1,000 simulated users: `make demo`.

Uses the service that FLAGD_URL names (and puts the flag back as it was), or else starts one of its own with a
temporary data folder. Speaks to it like anybody would, over the REST API and through the SDK. Exits with 1 when a
promise is broken.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from examples import installation
from flagd_sdk import FlagClient

PROJECT: Final = "demo"
ENVIRONMENT: Final = "production"
FLAG: Final = "new-checkout"
STEPS: Final = (0, 5, 25, 100)
PEOPLE: Final = tuple(f"user-{number:04}" for number in range(1, 1001))

POLL_SECONDS: Final = 0.2
START_SECONDS: Final = 60.0
ARRIVAL_SECONDS: Final = 5.0
SIGMAS: Final = 5.0
"""How far a sample may lie from its percentage: chance alone goes beyond it once in two million runs."""

BAR_WIDTH: Final = 40


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True)
class Service:
    """A running flagd, the keys for it, and how it came to run."""

    url: str
    admin_key: str = field(repr=False)
    server_key: str = field(repr=False)
    origin: str


@dataclass
class Promises:
    """What the demo was to show, and whether it did."""

    kept: dict[str, bool] = field(default_factory=dict)

    def check(self, promise: str, holds: bool) -> None:
        """Notes one observation; a promise once broken stays broken."""
        self.kept[promise] = holds and self.kept.get(promise, True)

    @property
    def all_kept(self) -> bool:
        """Whether every observation was as promised."""
        return all(self.kept.values())


@dataclass(frozen=True)
class Seen:
    """What the simulated users saw after one change."""

    having: frozenset[str]
    moved: float
    seconds: float


class Targeting:
    """The flag's settings in the environment, over the REST API; every change names the version it is based on."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api
        self._path = f"/api/v1/projects/{PROJECT}/flags/{FLAG}/environments/{ENVIRONMENT}"
        answer = _ok(api.get(self._path))
        self._etag = answer.headers["ETag"]
        self.original: dict[str, Any] = answer.json()
        self._current = self.original

    def change(self, patch: Mapping[str, object]) -> dict[str, Any]:
        """Applies a merge patch; returns the flag's new settings."""
        headers = {"If-Match": self._etag, "Content-Type": "application/merge-patch+json"}
        answer = _ok(self._api.patch(self._path, json=patch, headers=headers))
        self._etag = answer.headers["ETag"]
        changed: dict[str, Any] = answer.json()
        self._current = changed
        return changed

    def restore(self) -> None:
        """Puts the flag back as it was found."""
        serve = self.original["default"]
        if "split" in serve:
            # Weights are merged: a variant that had no share has to be named to lose the one it has now.
            now = self._current["default"].get("split", {}).get("weights", {})
            serve = {"split": {"weights": dict.fromkeys(now, 0) | serve["split"]["weights"]}}
        self.change({"enabled": self.original["enabled"], "default": serve})


class Audience:
    """The simulated users, as an application with the SDK sees them."""

    def __init__(self, client: FlagClient, targeting: Targeting) -> None:
        self._client = client
        self._targeting = targeting
        self.calls = 0
        self.calling_seconds = 0.0

    def having(self) -> frozenset[str]:
        """Everybody for whom the feature is on."""
        started = time.perf_counter()
        found = frozenset(person for person in PEOPLE if self._client.is_enabled(FLAG, person))
        self.calling_seconds += time.perf_counter() - started
        self.calls += len(PEOPLE)
        return found

    def after(self, patch: Mapping[str, object]) -> Seen:
        """Changes the flag, waits until the change has come through the SDK's polling, and looks."""
        changed = self._targeting.change(patch)
        committed = time.perf_counter()
        while (self._client.revision or 0) < changed["revision"]:
            if time.perf_counter() - committed > ARRIVAL_SECONDS:
                raise DemoFailed(f"the change did not reach the SDK within {ARRIVAL_SECONDS:g} s")
            time.sleep(0.005)
        seconds = time.perf_counter() - committed
        return Seen(self.having(), changed["moved"].get("/default", 0.0), seconds)


def main() -> None:
    """Runs the demo; the exit code says whether every promise was kept."""
    try:
        with _service() as service:
            promises = _run(service)
    except (DemoFailed, installation.NoCredentials, httpx.TransportError) as error:
        sys.exit(f"demo: {error}")
    for promise, kept in promises.kept.items():
        print(f"  {'kept  ' if kept else 'BROKEN'}  {promise}")
    if not promises.all_kept:
        sys.exit(1)


def _run(service: Service) -> Promises:
    _introduce(service)
    promises = Promises()
    with (
        httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {service.admin_key}"}) as api,
        FlagClient(service.url, service.server_key, poll_interval=POLL_SECONDS) as client,
    ):
        targeting = Targeting(api)
        if (
            targeting.original["rules"]
            or targeting.original["targets"]
            or targeting.original["prerequisites"]
        ):
            raise DemoFailed(
                f"{FLAG} has rules, targets or prerequisites in {ENVIRONMENT}; take them away first"
            )
        if not client.ready(START_SECONDS):
            raise DemoFailed("the SDK received no flags")
        audience = Audience(client, targeting)
        try:
            _widen(audience, promises)
            _kill(audience, promises)
        finally:
            targeting.restore()
        each = audience.calling_seconds / audience.calls * 1e6
        print(
            f"\n  {audience.calls:,} calls of is_enabled(), {each:.1f} microseconds each, none over the network\n"
        )
    return promises


def _introduce(service: Service) -> None:
    print("flagd: a rollout from nobody to everybody, and back\n")
    print(f"  service  {service.url} ({service.origin})")
    print(f"  flag     {FLAG} in {PROJECT}/{ENVIRONMENT}")
    print(
        f"  people   {len(PEOPLE):,} simulated users behind one SDK client that polls every {POLL_SECONDS:g} s\n"
    )
    print(f"  {'change':<12} {'have it':>7}  {'':<{BAR_WIDTH}}  {'moved':>6}  {'arrived':>7}")


def _widen(audience: Audience, promises: Promises) -> None:
    before: frozenset[str] = frozenset()
    reached = 0
    for percent in STEPS:
        weights = {"on": percent, "off": 100 - percent}
        seen = audience.after({"enabled": True, "default": {"split": {"weights": weights}}})
        _show(f"{percent} %", seen)
        promises.check("0 % is nobody and 100 % is everybody", _exact_at_the_ends(percent, seen))
        promises.check("every percentage reaches about that many", _about(percent, seen))
        promises.check("nobody who had the feature lost it as it widened", before <= seen.having)
        if percent:
            as_needed = math.isclose(seen.moved, percent - reached)
            promises.check("no step moved more people than it had to", as_needed)
        before, reached = seen.having, percent


def _kill(audience: Audience, promises: Promises) -> None:
    seen = audience.after({"enabled": False})
    _show("kill switch", seen)
    promises.check(
        f"the kill switch took it from everybody, {seen.seconds:.2f} s after it was thrown", not seen.having
    )


def _exact_at_the_ends(percent: int, seen: Seen) -> bool:
    return {0: not seen.having, 100: len(seen.having) == len(PEOPLE)}.get(percent, True)


def _about(percent: int, seen: Seen) -> bool:
    share = percent / 100
    allowed = SIGMAS * math.sqrt(len(PEOPLE) * share * (1 - share))
    return abs(len(seen.having) - len(PEOPLE) * share) <= allowed


def _show(change: str, seen: Seen) -> None:
    bar = "#" * math.ceil(BAR_WIDTH * len(seen.having) / len(PEOPLE))
    print(
        f"  {change:<12} {len(seen.having):>7,}  {bar:<{BAR_WIDTH}}  {seen.moved:>4g} %  {seen.seconds:>5.2f} s",
        flush=True,
    )


@contextlib.contextmanager
def _service() -> Iterator[Service]:
    if os.environ.get("FLAGD_URL"):
        yield _known(installation.find(), "running already; the flag is put back at the end")
        return
    with tempfile.TemporaryDirectory(prefix="flagd-demo-") as folder, _started(Path(folder)) as found:
        yield _known(found, "started for this demo, with a temporary folder")


def _known(found: installation.Installation, origin: str) -> Service:
    return Service(found.url, found.admin_key(), found.server_key(ENVIRONMENT), origin)


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[installation.Installation]:
    """A service of our own on a free port, on its embedded database; it ends with the block."""
    settings = {
        "FLAGD_DATA_DIR": str(folder),
        "FLAGD_HOST": "127.0.0.1",
        "FLAGD_PORT": "0",
        "FLAGD_LOG_LEVEL": "error",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLAGD_")}
    log = folder / "flagd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flagd", "serve", "--migrate", "--demo"],
            env=inherited | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait((folder / installation.CREDENTIALS_FILE).exists, process, log)
        found = installation.find({"FLAGD_DATA_DIR": str(folder)})
        _wait(lambda: _ready(found.url), process, log)
        yield found
    finally:
        process.terminate()
        process.wait()


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoFailed(f"the service did not start\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False


def _ok(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise DemoFailed(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
        )
    return answer


if __name__ == "__main__":
    main()
