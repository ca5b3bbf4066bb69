"""Flags for the tests of applications: in memory, no server, no thread, the read API of the real client.

    flags = FakeFlags({"new-checkout": True, "color": "blue"})
    with flags.override({"color": "red"}):
        ...

Values go through the same decoding and evaluation as a snapshot from a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Final

import flagd_sdk
from flagd_core import DecodeError, load
from flagd_sdk.errors import ConfigurationError
from flagd_sdk.reader import FlagReader

_KINDS: Final = {
    bool: "boolean",
    str: "string",
    int: "integer",
    float: "float",
    dict: "object",
    list: "object",
}
_LINEAGE = "00000000-0000-4000-8000-000000000000"


class FakeFlags(FlagReader):
    """Flags that answer the same value for every context.

    The kind of a flag follows from its value: bool, str, int, float, or a dict or list (object). `None` is a flag that
    is off and has no value, which answers the caller's default. A flag that is not named is unknown, as it would be to
    the real client.
    """

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._values: dict[str, object] = {}
        self._revision = 0
        self._has_data = True
        self.replace({} if values is None else values)

    @property
    def revision(self) -> int:
        """How often the flags were changed."""
        return self._revision

    def set(self, flag: str, value: object) -> None:
        """Give a flag a value from now on, whether it existed or not."""
        self.replace({**self._values, flag: value})

    def remove(self, flag: str) -> None:
        """Make a flag unknown; it need not exist."""
        self.replace({name: value for name, value in self._values.items() if name != flag})

    def replace(self, values: Mapping[str, object]) -> None:
        """Have exactly these flags. ConfigurationError for a value that no flag can have."""
        try:
            ruleset = load(snapshot_of(values, revision=self._revision + 1))
        except DecodeError as error:
            raise ConfigurationError(f"no flag can be like this: {error}") from error
        self._revision += 1
        self._values = dict(values)
        self._flags = ruleset.flags

    @contextmanager
    def override(self, values: Mapping[str, object] | None = None, /, **more: object) -> Iterator[FakeFlags]:
        """Change some flags for the time of a with block: `override({"new-checkout": True}, color="red")`."""
        before = self._values
        self.replace({**before, **(values or {}), **more})
        try:
            yield self
        finally:
            self.replace(before)

    @contextmanager
    def as_default(self) -> Iterator[FakeFlags]:
        """Have `flagd_sdk.is_enabled` and its siblings read these flags for the time of a with block."""
        before = flagd_sdk.use(self)
        try:
            yield self
        finally:
            flagd_sdk.use(before)

    def __enter__(self) -> FakeFlags:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def snapshot_of(
    values: Mapping[str, object], *, project: str = "test", environment: str = "test", revision: int = 1
) -> dict[str, object]:
    """The snapshot document of flags that always answer these values: what a client takes as its `bootstrap`."""
    return {
        "format": 1,
        "project": project,
        "environment": environment,
        "lineage": _LINEAGE,
        "revision": revision,
        "digest": "",
        "flags": {flag: _constant(flag, value) for flag, value in values.items()},
        "segments": {},
    }


def _constant(flag: str, value: object) -> dict[str, object]:
    """The wire form of a flag with one variant."""
    if value is None:
        return _wire("boolean", {"off": False}, enabled=False)
    kind = _KINDS.get(type(value))
    if kind is None:
        raise ConfigurationError(f"flag {flag!r}: a {type(value).__name__} is no value of a flag")
    return _wire(kind, {"value": value}, enabled=True)


def _wire(kind: str, variants: Mapping[str, object], *, enabled: bool) -> dict[str, object]:
    return {
        "kind": kind,
        "version": 1,
        "client_visible": False,
        "enabled": enabled,
        "variants": dict(variants),
        "off_variant": None,
        "default": {"variant": next(iter(variants))},
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
    }
